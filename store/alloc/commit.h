/*
 * commit.h: memory for cold pages, on the helper thread: requests in order, one fallocate at a time,
 * and some warm room ahead of need.
 *
 * A request for a range is cut into pieces of at most COMMIT_PIECE, so that neither a waiting small
 * request nor the end of the store waits long, and pieces that are warm already cost nothing. A
 * piece that fails fails the request that it was for; what was committed stays committed.
 *
 * Threads: the loop thread; only the running piece is the helper's. Blocking: none but
 * committer_destroy(), which waits for the running piece.
 * Invariant: at most one piece runs; while requests wait, one does.
 */
#ifndef LODE_STORE_ALLOC_COMMIT_H
#define LODE_STORE_ALLOC_COMMIT_H

#include "store/alloc/arena.h"
#include "store/alloc/pages.h"
#include "store/alloc/segment.h"

#define COMMIT_PIECE (UINT64_C(64) << 20)

struct committer;

/*
 * ahead_pages: as long as fewer pages could be reserved, the committer warms so many more by itself,
 * when asked by committer_look_ahead() and after each piece.
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

/* Starts warming if little is left and nothing runs. A full tmpfs is no error: it stays as it is. */
void committer_look_ahead(struct committer *committer);

void committer_on_room(struct committer *committer, arena_room_fn *on_room, void *owner);

#endif
