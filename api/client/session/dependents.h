/*
 * dependents.h: what a program makes of a session beside objects, and what ends with it: a wait
 * set, say. The session keeps a list of them, under the process' lock (process.h). So a fork, which
 * holds that lock, finds the list whole in the child.
 */
#ifndef LODE_CLIENT_DEPENDENTS_H
#define LODE_CLIENT_DEPENDENTS_H

#include "api/client/session/handle.h"

void lode_dependents_add(lode *db, struct lode_dependent *dependent);

/* Takes it out of the list, and closes its descriptors. */
void lode_dependents_remove(struct lode_dependent *dependent);

/* Ends all, each as lode_dependents_remove() does, after its `end`. */
void lode_dependents_end(lode *db);

#endif
