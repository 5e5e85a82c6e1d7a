/*
 * pool.h: the waits of all sessions. waits.h arms and tells them.
 *
 *   head (by the id's hash) ──▶ first wait of a session for an id ──▶ first wait of another pair
 *                                 │ same_next
 *                                 ▼
 *                               more waits of that session for that id
 *
 * The first wait of a pair of session and id also counts the pair's waits, and is in the list of
 * the row that the id's session has. So the end of a session finds the waits for its ids, and no
 * other ones.
 *
 * Nothing here takes longer the more waits there are: the heads grow by one with each pair, and the
 * waits get memory by chunks that never move. When no wait is left, the memory goes back.
 */
#ifndef LODE_STORE_WAITS_POOL_H
#define LODE_STORE_WAITS_POOL_H

#include "store/state/store.h"
#include "store/waits/filters.h"

enum {
    WAIT_CHUNK = 1024, /* waits that get memory together */
    WAIT_HEADS_MIN = 256,
    WAIT_UNASKED_MIN = 256
};

struct wait {
    lode_id id;
    uint64_t cookie;
    struct session *session; /* NULL: free */
    uint32_t hash;           /* the bits of the id's hash that lead to its head */
    uint16_t bucket;
    uint8_t status; /* enum lode_found; PENDING: armed */
    bool is_watch;
    bool is_unasked;     /* in the list of those; another may have come into its place since */
    uint32_t same_count; /* of the first of a pair; 0: this is not the first */
    uint32_t hash_next, hash_prev;       /* + 1; of the first of a pair */
    uint32_t row_next, row_prev;         /* + 1; the same */
    uint32_t same_next, same_prev;       /* + 1 */
    uint32_t session_next, session_prev; /* + 1 */
};

_Static_assert((uint64_t)LODE_SESSION_WAITS_MAX *(sizeof(struct lode_msg_watch) +
                                                  sizeof(struct lode_msg_ready)) < OUTBOX_MAX,
               "outbox.h");
_Static_assert(LODE_WAKE_BUCKETS <= UINT16_MAX + 1, "wait.bucket");

/* The ranges (ranges.h) over ids of the sessions of one row, and a walk over them, in parts. */
struct row_ranges {
    struct chore chore;
    struct range *first;
    struct range *walk; /* the range that the walk is in; NULL: none is under way */
    uint32_t walk_at;   /* the id in it that the walk looks at next */
    uint32_t count;
};

/* The waits for ids of the sessions of one row, and a walk over them, in parts. */
struct row_waits {
    struct chore chore;
    uint32_t first; /* + 1 */
    uint32_t next;  /* + 1: the wait that the walk looks at next */
    struct row_ranges ranges;
};

struct waits {
    struct wait **chunks;
    uint32_t chunk_count, chunk_room;
    uint32_t begun; /* of the waits that have memory, so many were used since the pool was empty */
    uint32_t used;
    uint32_t free_first; /* + 1: of those that were used and are free */
    uint32_t *heads;     /* + 1 */
    uint32_t head_count, head_room;
    uint32_t head_base; /* the largest power of two that is not above head_count */
    uint32_t pair_count;
    struct row_waits rows[LODE_SESSION_ROWS];
    uint32_t range_count; /* of all rows */
    struct filters filters;
    struct chore all; /* a walk over all waits */
    uint32_t all_next;
    struct chore shrinking;
    uint32_t *unasked; /* + 1: armed by a record; whether the id is there already is to be asked */
    uint32_t unasked_first, unasked_count, unasked_room; /* from `first` to `count` */
};

LODE_MUST_CHECK lode_err pool_create(struct waits **waits_out);
void pool_destroy(struct waits *waits);

/* The wait of that number; numbers begin with 1. */
static inline struct wait *
pool_at(const struct waits *waits, uint32_t number)
{
    return &waits->chunks[(number - 1) / WAIT_CHUNK][(number - 1) % WAIT_CHUNK];
}

/* The session of the wait has ended, and a later part of its end takes the wait away. */
static inline bool
wait_is_over(const struct wait *wait)
{
    return wait->session->ended || wait->session->left;
}

/* The first pair of an id of that hash, by its first wait; ids of other hashes share the head. */
uint32_t pool_head(const struct waits *waits, uint64_t hash);

/* The first wait of the session for the id; 0: there is none. */
uint32_t pool_pair(const struct waits *waits, const struct session *session, lode_id id,
                   uint64_t hash);

/* The wait with that cookie among those of a pair, whose first is `first`; 0: there is none. */
uint32_t pool_of_pair(const struct waits *waits, uint32_t first, uint64_t cookie, bool is_watch);

/* The number of that wait; 0: there is none. */
uint32_t pool_find(struct store *store, const struct session *session, lode_id id, uint64_t cookie,
                   bool is_watch);

/*
 * Takes a free wait for the session and the id, which has that hash. `first` is what pool_pair()
 * says of them. The caller fills in the rest of the wait. LODE_ENOMEM.
 */
LODE_MUST_CHECK lode_err pool_take(struct waits *waits, struct session *session, lode_id id,
                                   uint64_t hash, uint32_t first, uint32_t *number_out);

/* Frees a wait, and disarms its bucket. */
void pool_remove(struct store *store, uint32_t number);

#endif
