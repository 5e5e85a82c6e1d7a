/*
 * result_refs.h: references to results of this session, counted here. The store counts them, too,
 * but need not know how many there are, only whether there are any: so those that are counted here
 * are one reference for it. A call that passes a result on, a user who drops it then, and the call
 * that ends cost one record in the ring instead of three.
 *
 *     lode_call() gives out an id      1: the reference that the session has from birth
 *     lode_call() passes the id        +1, and no TAKE
 *     lode_drop(), the call has ended  -1, and no DROP but for the last one
 *
 * A reference to an id that is not here, or not any more, is taken and dropped by a record. Both
 * ways may be mixed: references are not told apart, and each id here stands for one that the store
 * has. So an id whose count is 1 may be forgotten at any time, and a newer one takes its place.
 *
 * Threads  any. A count is one word that is changed by compare-and-swap. Nothing is ordered by it:
 *          who makes it 0 writes the DROP, and a TAKE that comes after that is a record of its own.
 *          Nothing blocks
 */
#ifndef LODE_CLIENT_RESULT_REFS_H
#define LODE_CLIENT_RESULT_REFS_H

#include <lode/object.h>
#include <stdatomic.h>

enum { LODE_RESULT_REFS_MAX = 1024 }; /* ids, by their counter; a power of two */

struct lode_result_refs {
    uint64_t high;                               /* of the ids of this session's results */
    _Atomic uint64_t slot[LODE_RESULT_REFS_MAX]; /* counter:48 | references:16; 0: empty */
};

void lode_result_refs_init(struct lode_result_refs *refs, uint64_t session);

/* The id is about to be given out: the session has one reference. */
void lode_result_refs_born(struct lode_result_refs *refs, lode_id id);

/* One more. False: it is not counted here. */
bool lode_result_refs_take(struct lode_result_refs *refs, lode_id id);

/* One less. False: the store is to be told, since it was the last, or is not counted here. */
bool lode_result_refs_drop(struct lode_result_refs *refs, lode_id id);

#endif
