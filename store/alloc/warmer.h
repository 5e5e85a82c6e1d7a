/*
 * warmer.h: memory for cold pages, on the helper thread: requests in order, one fallocate at a
 * time, and some warm room ahead of need.
 *
 * The warmer cuts a request for a range into pieces of at most WARMER_PIECE. So neither a small
 * request that waits nor the end of the store waits long, and a piece that is warm already costs
 * nothing. If a piece fails, its request fails, and the pieces that were warmed stay so.
 *
 * Threads: the loop thread; the helper has only the piece that runs. Blocking: none but
 * warmer_destroy(), which waits for that piece.
 * Invariant: at most one piece runs. While requests wait, one does.
 */
#ifndef LODE_STORE_ALLOC_WARMER_H
#define LODE_STORE_ALLOC_WARMER_H

#include "store/alloc/arena.h"
#include "store/alloc/pages.h"
#include "store/alloc/segment.h"

#define WARMER_PIECE (UINT64_C(64) << 20)

struct warmer;

/*
 * ahead_pages: how many warm pages there should be to reserve. While there are fewer, the warmer
 * warms more by itself, when warmer_look_ahead() is called and after each piece.
 * Errors: LODE_ENOMEM.
 */
LODE_MUST_CHECK lode_err warmer_create(struct segment *segment, struct pages *pages,
                                       struct helper *helper, uint64_t ahead_pages,
                                       struct warmer **warmer_out);

/* Waits for the running piece; the requests that wait are called back with LODE_ECLOSED. */
void warmer_destroy(struct warmer *warmer);

/* See arena_warm(). Errors: LODE_ENOMEM. */
LODE_MUST_CHECK lode_err warmer_request(struct warmer *warmer, uint64_t page, uint64_t count,
                                        arena_warmed_fn *done, void *owner, uint64_t token);

/*
 * Starts to warm pages if few are left and no piece runs. If the tmpfs is full nothing is warmed.
 */
void warmer_look_ahead(struct warmer *warmer);

void warmer_on_room(struct warmer *warmer, arena_room_fn *on_room, void *owner);

#endif
