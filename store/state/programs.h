/*
 * programs.h: how many sessions programs have, all together and each process. One process cannot
 * take the rows of all others, and programs cannot take those of the scheduler and the workers: a
 * cluster that can start no worker fails the tasks of all programs.
 *
 * A session counts from HELLO to its end, and while it lingers. The sessions of a process are
 * counted by a hash of its number. So HELLO looks at all sessions only where those of one hash are
 * as many as one process may have.
 */
#ifndef LODE_STORE_STATE_PROGRAMS_H
#define LODE_STORE_STATE_PROGRAMS_H

#include "store/state/store.h"

/* Whether there is a place for a session whose pid and flags are set. Errors: LODE_ELIMIT. */
LODE_MUST_CHECK lode_err programs_check(const struct store *store, const struct session *session);

/* It counts, if it is a program's; and it counts no more, if it did. */
void programs_add(struct store *store, struct session *session);
void programs_remove(struct store *store, struct session *session);

#endif
