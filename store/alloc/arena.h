/*
 * arena.h: the room for objects' bytes: segments, the pages in them, small objects in runs, and
 * memory warmed on demand. The one header of store/alloc/ that the rest of the store uses (with
 * helper.h for slow work of its own).
 *
 * Sizes are in bytes, as the object has them (with its strides: lode_made_stored()). An extent is
 * what index.h says. A size of 0 takes the least there is.
 *
 *   ARENA_LARGE  page-aligned, whole pages: for what a client will write itself (drafts)
 *   ARENA_SMALL  64-byte aligned, shares pages: for what the store copies (puts by ring or packet)
 *   ARENA_SLOT   as ARENA_SMALL, but only beside other small objects: takes no page that is free
 *
 * Credit: arena_credit_reserve(n) sets n warm pages aside. An ARENA_SMALL allocation with
 * `spend_credit` takes slab_pages_of(size) of them. It neither fails nor waits for memory. It may
 * use fewer pages: the credit is gone all the same. No other allocation touches these pages.
 *
 * Warming: cold pages have no memory yet, warm pages have. An extent with `is_cold` must not be
 * touched, nor given to a client, before arena_warm() has called back with LODE_OK: an access
 * could be SIGBUS. The arena warms the next chunk by itself when little warm room is left, so small
 * allocations seldom wait.
 *
 * Threads    the loop thread only
 * Blocking   never, but arena_open(), which warms the first chunk
 * Invariant  a free page is free in exactly one place; no cold page is ever given out as warm
 */
#ifndef LODE_STORE_ALLOC_ARENA_H
#define LODE_STORE_ALLOC_ARENA_H

#include "api/layout/index.h"
#include "store/alloc/helper.h"

struct arena;

struct arena_options {
    const char *dir;         /* LODE_SHM_DIR; stays until arena_close() */
    uint64_t capacity_bytes; /* 0: the default, see segment.h */
    struct helper *helper;   /* outlives the arena */
};

/* Errors: those of capacity_choose() and segment_create(), LODE_ENOMEM; each with its sentence. */
LODE_MUST_CHECK lode_err arena_open(const struct arena_options *options, struct arena **arena_out);

/*
 * Calls back the warmings that still wait, with LODE_ECLOSED, and waits for the one that runs. Then
 * it unmaps the segments, and with `remove` unlinks their files. NULL is legal.
 */
void arena_close(struct arena *arena, bool remove);

enum arena_kind { ARENA_LARGE, ARENA_SMALL, ARENA_SLOT };

struct arena_room {
    uint64_t extent;
    bool is_cold;
};

/*
 * Errors  LODE_EFULL    no room now: the sentence has wanted, free and largest free bytes; the
 *                       fields of lode_msg_error come from arena_stats()
 *         LODE_ETOOBIG  larger than the store: will never fit
 *         LODE_EINVAL   spend_credit with ARENA_LARGE, or with more bytes than a ring's put has, or
 *                       with more credit than is reserved
 *         LODE_ENOMEM
 */
LODE_MUST_CHECK lode_err arena_allocate(struct arena *arena, uint64_t size, enum arena_kind kind,
                                        bool spend_credit, struct arena_room *room_out);

/*
 * Whether an object can ever fit beside so many pages that are set aside and never come free.
 * Errors: LODE_ETOOBIG.
 */
LODE_MUST_CHECK lode_err arena_check_fits(const struct arena *arena, uint64_t size,
                                          uint64_t kept_pages);

/*
 * Gives an extent back; `size` as it was asked for. A warming of it that waits goes on, and harms
 * nobody: the pages are warm then.
 */
void arena_free(struct arena *arena, uint64_t extent, uint64_t size);

/* Fetches what arena_free() of that extent will read. A hint: nothing depends on it. */
void arena_prefetch(const struct arena *arena, uint64_t extent);

/*
 * Warms an extent on the helper thread and calls done(owner, token, err) on the loop thread,
 * never from inside this call. A warming cannot be taken back. The token is the caller's (an
 * entry's number and generation, say): by it the caller recognises an object that was given up
 * meanwhile.
 *
 * On LODE_EFULL the tmpfs has no memory left, and lode_last_error() says so during the callback;
 * the extent is still the caller's, to be freed.
 *
 * Errors  LODE_ENOMEM (no callback follows)
 */
typedef void arena_warmed_fn(void *owner, uint64_t token, lode_err err);
LODE_MUST_CHECK lode_err arena_warm(struct arena *arena, uint64_t extent, uint64_t size,
                                    arena_warmed_fn *done, void *owner, uint64_t token);

/*
 * The first sets pages aside as credit, the second gives unspent credit back. False: fewer pages
 * are warm and free now. The function of arena_on_room() is called when more may be.
 */
bool arena_credit_reserve(struct arena *arena, uint64_t page_count);
void arena_credit_give_back(struct arena *arena, uint64_t page_count);

/* Free pages that are not set aside, warm or cold, in stretches of any length. */
uint64_t arena_free_pages(const struct arena *arena);

/* The longest stretch of free pages, with those that are set aside. */
uint64_t arena_longest_pages(const struct arena *arena);

/* Called on the loop thread, from helper_drain(), after more memory became warm. */
typedef void arena_room_fn(void *owner);
void arena_on_room(struct arena *arena, arena_room_fn *on_room, void *owner);

/* Where the store sees an extent: writable. The extent must be one of arena_allocate()'s. */
void *arena_address(const struct arena *arena, uint64_t extent);

/* The segments, numbered from 0: how many, how long, and their descriptors (the arena's). */
uint32_t arena_segment_count(const struct arena *arena);

/* Errors: LODE_EINVAL there is no such segment (the number may come from a client). */
LODE_MUST_CHECK lode_err arena_segment(const struct arena *arena, uint32_t number,
                                       uint64_t *bytes_out, int *read_fd_out, int *write_fd_out);

struct arena_stats {
    uint64_t capacity_bytes, used_bytes, free_bytes, committed_bytes,
        largest_free_bytes; /* what one allocation gets */
    uint64_t credit_bytes;  /* set aside; part of free_bytes */
    uint64_t small_objects;
};

/* Gives kept empty runs back first, so that the numbers are what an allocation would find. */
void arena_stats(struct arena *arena, struct arena_stats *stats_out);

/* Walks everything: for tests and LODE_DEBUG_ASSERT. */
bool arena_check(const struct arena *arena);

#endif
