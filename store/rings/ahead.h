/*
 * ahead.h: fetches what the next records of a ring will need, before they are applied. To apply a
 * record is to look its id up: a slot of the hash table, then an entry, each a cache miss of its
 * own as soon as there are many objects. Looking some records ahead, the misses of many records are
 * under way at once.
 *
 * While there are few objects, all that leads to them is in the cache, and to look ahead costs more
 * than it saves: a sixth of the store's time of a chain of tasks. Then only the ring is fetched.
 *
 * What is read here decides nothing. The client may change a record after it was looked at: then
 * the wrong lines are fetched. The record is copied and checked when it is applied.
 *
 * Threads: the loop thread. Blocking: never.
 */
#ifndef LODE_STORE_RINGS_AHEAD_H
#define LODE_STORE_RINGS_AHEAD_H

#include "store/state/store.h"

enum {
    AHEAD_BYTES = 2048, /* in front of the record that is looked at the ring's lines are fetched */
    AHEAD_FEW = 2048,   /* objects, with what leads to them some hundred KiB: in the cache */
    AHEAD_FAR = 16,     /* so many records ahead the slot is fetched */
    AHEAD_NEAR = 8      /* by now the slot is there, and says which entry to fetch */
};

struct ahead {
    const struct session *session;
    bool off;                 /* LODE_WITHOUT says so (tricks.h) */
    bool few;                 /* there were few objects at the beginning */
    uint64_t fetched;         /* of the ring, up to here */
    uint64_t at, tail;        /* the record that is looked at next; where the records end */
    uint32_t looked, applied; /* records */
    uint64_t hash[AHEAD_FAR]; /* of the ids of the records from `applied` on; 0: it has none */
};

void ahead_begin(struct ahead *ahead, const struct table *table, const struct session *session,
                 uint64_t head, uint64_t tail);

/* Is called before each record is applied; the next one lies at `head`. */
void ahead_go_on(struct ahead *ahead, const struct table *table, uint64_t head);

#endif
