/*
 * handoff.h: what two processes need that hand each other numbers through the store, each under an
 * id that the other side knows before.
 */
#ifndef TESTS_SUPPORT_HANDOFF_H
#define TESTS_SUPPORT_HANDOFF_H

#include "tests/support/child.h"

#include <lode/lode.h>

/* Both sides call it: each says the ids that it puts under, and hears those of the other. */
void handoff_exchange(struct child *other, const lode_id *own, lode_id *others_out, long count);

/* Waits for the object, which must be one number, and gives that. */
int64_t handoff_take(lode *db, lode_id id);

#endif
