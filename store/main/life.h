/*
 * life.h: how a store begins and ends, and what its loop does between the events of two rounds.
 *
 * Threads: the loop thread.
 */
#ifndef LODE_STORE_MAIN_LIFE_H
#define LODE_STORE_MAIN_LIFE_H

#include "store/state/store.h"

struct store_options {
    const char *shm_dir;
    uint64_t capacity_bytes; /* 0: the default */
    uint64_t generation;
};

/* Opens an empty store that serves no client yet. Errors: as arena_open() and table_open(). */
LODE_MUST_CHECK lode_err store_create(const struct store_options *options,
                                      struct store **store_out);

/* Tells clients that the store is down, ends all sessions; with `remove` unlinks all files. */
void store_destroy(struct store *store, bool remove);

/*
 * Does what has to be done after events and before the loop may sleep: frees, answers, wakes,
 * notices.
 *
 *   would_sleep  no event was there: now is the time to free even a few objects
 */
void store_settle(struct store *store, bool would_sleep);

/* True while store_settle() still has work for a loop that would sleep. */
bool store_has_work(const struct store *store);

#endif
