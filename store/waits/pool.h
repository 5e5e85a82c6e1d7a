/*
 * pool.h: the waits of all sessions: by id, and by session. waits.h arms and tells them.
 */
#ifndef LODE_STORE_WAITS_POOL_H
#define LODE_STORE_WAITS_POOL_H

#include "store/state/store.h"

enum { WAIT_HEADS = 1 << 13, WAIT_POOL_MIN = 256 };

struct wait {
    lode_id id;
    uint64_t cookie;
    struct session *session; /* NULL: free */
    uint32_t bucket;
    uint8_t status; /* enum lode_found; PENDING: armed */
    bool is_watch;
    bool is_unasked; /* in the list of those; another may have come into its place since */
    uint32_t hash_next, hash_prev;       /* + 1 */
    uint32_t session_next, session_prev; /* + 1 */
};

_Static_assert((uint64_t)LODE_SESSION_WAITS_MAX *(sizeof(struct lode_msg_watch) +
                                                  sizeof(struct lode_msg_ready)) < OUTBOX_MAX,
               "outbox.h");

/* A walk over all waits, in parts. */
struct look {
    struct chore chore;
    uint32_t next;    /* in the pool */
    uint64_t session; /* whose ids' waits are looked at; 0: all */
};

struct waits {
    struct wait *pool;
    uint32_t room, free_first;
    uint32_t heads[WAIT_HEADS];
    uint32_t *unasked; /* + 1: armed by a record; whether the id is there already is to be asked */
    uint32_t unasked_first, unasked_count, unasked_room; /* from `first` to `count` */
    struct look looks[2]; /* one that is under way, and one that begins after it */
};

/* The session of the wait has ended, and a later part of its end takes the wait away. */
static inline bool
wait_is_over(const struct wait *wait)
{
    return wait->session->ended || wait->session->left;
}

/* The first wait for an id of that hash; other ids share it. */
uint32_t *pool_head(struct waits *waits, uint64_t hash);

/* The number of that wait; 0: there is none. */
uint32_t pool_find(struct store *store, struct session *session, lode_id id, uint64_t cookie,
                   bool is_watch);

/* Takes a free wait for the session and an id of that hash; the caller fills it in. LODE_ENOMEM. */
LODE_MUST_CHECK lode_err pool_take(struct waits *waits, struct session *session, uint64_t hash,
                                   uint32_t *number_out);

/* Frees a wait, and disarms its bucket. */
void pool_remove(struct store *store, uint32_t number);

#endif
