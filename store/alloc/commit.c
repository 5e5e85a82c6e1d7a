#include "store/alloc/commit.h"

#include "api/base/assert.h"
#include "api/base/fail.h"
#include "api/layout/index.h"

#include <stdio.h>
#include <stdlib.h>
#include <sys/queue.h>

enum { AHEAD_REST = 1024 };

/* A piece ahead of need is smaller, so that a request never waits long behind it. */
#define AHEAD_PIECE (UINT64_C(4) << 20)

struct request {
    TAILQ_ENTRY(request) link;
    uint64_t page, count;
    arena_committed_fn *done;
    void *owner;
    uint64_t token;
};
TAILQ_HEAD(request_list, request);

/* One fallocate. The helper thread has it while `running`; it reads the segment's descriptor. */
struct piece {
    struct helper_job job;
    struct committer *committer;
    uint64_t page, count;
    bool running;
    struct request *request; /* whose it is; NULL: it goes ahead of need */
    lode_err err;
    char sentence[LODE_FAIL_MAX];
};

struct committer {
    struct segment *segment;
    struct pages *pages;
    struct helper *helper;
    uint64_t ahead_pages;
    uint32_t ahead_rest; /* looks ahead to leave out, since the tmpfs was full at the last */
    bool closing;
    struct request_list waiting;
    struct piece piece;
    arena_room_fn *on_room;
    void *on_room_owner;
};

static void
piece_run(struct helper_job *job)
{
    struct piece *piece = (struct piece *)job;
    piece->err = segment_commit(piece->committer->segment, piece->page * LODE_PAGE,
                                piece->count * LODE_PAGE);
    if (piece->err != LODE_OK) {
        snprintf(piece->sentence, sizeof piece->sentence, "%s", lode_last_error());
    }
}

static void piece_done(struct helper_job *job);

lode_err
committer_create(struct segment *segment, struct pages *pages, struct helper *helper,
                 uint64_t ahead_pages, struct committer **committer_out)
{
    struct committer *committer = calloc(1, sizeof *committer);
    if (committer == NULL) {
        return lode_fail_with(LODE_ENOMEM, "no memory for the store's commits");
    }
    committer->segment = segment;
    committer->pages = pages;
    committer->helper = helper;
    committer->ahead_pages = ahead_pages;
    committer->piece.committer = committer;
    committer->piece.job.run = piece_run;
    committer->piece.job.done = piece_done;
    TAILQ_INIT(&committer->waiting);
    *committer_out = committer;
    return LODE_OK;
}

/* Takes the request off the list and calls back, with lode_last_error() saying why. */
static void
request_end(struct request_list *list, struct request *request, lode_err err, const char *sentence)
{
    TAILQ_REMOVE(list, request, link);
    if (err != LODE_OK) {
        (void)lode_fail_with(err, "%s", sentence);
    }
    if (request->done != NULL) {
        request->done(request->owner, request->token, err);
    }
    free(request);
}

static bool
request_is_warm(const struct committer *committer, const struct request *request)
{
    return pages_are_warm(committer->pages, request->page, request->count);
}

/*
 * A call-back may make another request. So first all requests that are ready are taken off the
 * list, and then they are told.
 */
static void
end_warm_requests(struct committer *committer)
{
    struct request_list ready = TAILQ_HEAD_INITIALIZER(ready);
    struct request *request = TAILQ_FIRST(&committer->waiting);
    while (request != NULL) {
        struct request *next = TAILQ_NEXT(request, link);
        if (request_is_warm(committer, request)) {
            TAILQ_REMOVE(&committer->waiting, request, link);
            TAILQ_INSERT_TAIL(&ready, request, link);
        }
        request = next;
    }
    while ((request = TAILQ_FIRST(&ready)) != NULL) {
        request_end(&ready, request, LODE_OK, "");
    }
}

/*
 * Starts the piece that begins at the first cold page of [page, end). Where none is cold any more,
 * the piece is empty: it only fetches the request's call-back. Errors: there is no thread.
 */
static lode_err
piece_start(struct committer *committer, uint64_t page, uint64_t end, struct request *request)
{
    struct piece *piece = &committer->piece;
    uint64_t from = page, to = page;
    LODE_ASSERT(!piece->running);
    if (pages_next_cold(committer->pages, page, end, &from, &to) &&
        to - from > COMMIT_PIECE / LODE_PAGE) {
        to = from + COMMIT_PIECE / LODE_PAGE;
    }
    piece->page = from;
    piece->count = to - from;
    piece->request = request;
    piece->err = LODE_OK;
    LODE_TRY(helper_submit(committer->helper, &piece->job));
    piece->running = true;
    return LODE_OK;
}

void
committer_look_ahead(struct committer *committer)
{
    struct pages_stats stats;
    uint64_t page;
    if (committer->piece.running || committer->closing) {
        return;
    }
    if (committer->ahead_rest > 0) {
        committer->ahead_rest--;
        return;
    }
    pages_counts(committer->pages, &stats);
    if (stats.servable - stats.reserved >= committer->ahead_pages ||
        !pages_first_cold_free(committer->pages, &page)) {
        return;
    }
    uint64_t count = AHEAD_PIECE / LODE_PAGE;
    uint64_t end = page + (count < committer->ahead_pages ? count : committer->ahead_pages);
    /* If there is no thread the pages stay cold, and the next request that needs one says why. */
    (void)piece_start(committer, page, end < stats.total ? end : stats.total, NULL);
}

/* Starts the first request's next piece; a request that cannot be started is ended. */
static void
go_on(struct committer *committer)
{
    while (!committer->piece.running && !committer->closing) {
        struct request *first = TAILQ_FIRST(&committer->waiting);
        if (first == NULL) {
            return;
        }
        lode_err err = piece_start(committer, first->page, first->page + first->count, first);
        if (err != LODE_OK) {
            request_end(&committer->waiting, first, err, lode_last_error());
        }
    }
}

static void
piece_done(struct helper_job *job)
{
    struct piece *piece = (struct piece *)job;
    struct committer *committer = piece->committer;
    bool warmed = job->ran && piece->err == LODE_OK;
    piece->running = false;
    if (warmed && piece->count > 0) {
        pages_warm(committer->pages, piece->page, piece->count);
        committer->ahead_rest = 0;
    }
    if (committer->closing) {
        return;
    }
    if (!warmed && piece->request == NULL) {
        committer->ahead_rest = AHEAD_REST;
    } else if (!warmed) {
        request_end(&committer->waiting, piece->request, job->ran ? piece->err : LODE_ECLOSED,
                    piece->sentence);
    }
    end_warm_requests(committer);
    go_on(committer);
    if (warmed) {
        committer_look_ahead(committer);
        if (piece->count > 0 && committer->on_room != NULL) {
            committer->on_room(committer->on_room_owner);
        }
    }
}

lode_err
committer_request(struct committer *committer, uint64_t page, uint64_t count,
                  arena_committed_fn *done, void *owner, uint64_t token)
{
    struct request *request = malloc(sizeof *request);
    if (request == NULL) {
        return lode_fail_with(LODE_ENOMEM, "no memory for a commit");
    }
    *request = (struct request){
        .page = page, .count = count, .done = done, .owner = owner, .token = token};
    if (!committer->piece.running) {
        /* The caller hears of a missing thread at once, not by a call-back from inside. */
        lode_err err = piece_start(committer, page, page + count, request);
        if (err != LODE_OK) {
            free(request);
            return err;
        }
    }
    TAILQ_INSERT_TAIL(&committer->waiting, request, link);
    return LODE_OK;
}

void
committer_on_room(struct committer *committer, arena_room_fn *on_room, void *owner)
{
    committer->on_room = on_room;
    committer->on_room_owner = owner;
}

void
committer_destroy(struct committer *committer)
{
    struct request *request;
    if (committer == NULL) {
        return;
    }
    committer->closing = true;
    while (committer->piece.running) {
        (void)helper_wait(committer->helper, LODE_FOREVER);
    }
    while ((request = TAILQ_FIRST(&committer->waiting)) != NULL) {
        request_end(&committer->waiting, request, LODE_ECLOSED, "the store is closing");
    }
    free(committer);
}
