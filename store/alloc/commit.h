/*
 * commit.h: memory for cold pages, on the helper thread: requests in order, one fallocate at a
 * time, and some warm room ahead of need.
 *
 * The committer cuts a request for a range into pieces of at most COMMIT_PIECE. So neither a small
 * request that waits nor the end of the store waits long, and a piece that is warm already costs
 * nothing. If a piece fails, its request fails, and the pieces that were committed stay so.
 *
 * Threads: the loop thread; the helper has only the piece that runs. Blocking: none but
 * committer_destroy(), which waits for that piece.
 * Invariant: at most one piece runs. While requests wait, one does.
 */
#ifndef LODE_STORE_ALLOC_COMMIT_H
#define LODE_STORE_ALLOC_COMMIT_H

#include "store/alloc/arena.h"
#include "store/alloc/pages.h"
#include "store/alloc/segment.h"

#define COMMIT_PIECE (UINT64_C(64) << 20)

struct committer;

/*
 * ahead_pages: how many warm pages there should be to reserve. While there are fewer, the committer
 * warms more by itself, when committer_look_ahead() is called and after each piece.
 * Errors: LODE_ENOMEM.
 */
LODE_MUST_CHECK lode_err committer_create(struct segment *segment, struct pages *pages,
                                          struct helper *helper, uint64_t ahead_pages,
                                          struct committer **committer_out);

/* Waits for the running piece; the requests that wait are called back with LODE_ECLOSED. */
void committer_destroy(struct committer *committer);

/* See arena_commit(). Errors: LODE_ENOMEM. */
LODE_MUST_CHECK lode_err committer_request(struct committer *committer, uint64_t page,
                                           uint64_t count, arena_committed_fn *done, void *owner,
                                           uint64_t token);

/*
 * Starts to warm pages if few are left and no piece runs. If the tmpfs is full nothing is warmed.
 */
void committer_look_ahead(struct committer *committer);

void committer_on_room(struct committer *committer, arena_room_fn *on_room, void *owner);

#endif
