#include "store/alloc/warmer.h"

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
    arena_warmed_fn *done;
    void *owner;
    uint64_t token;
};
TAILQ_HEAD(request_list, request);

/* One fallocate. The helper thread has it while `running`; it reads the segment's descriptor. */
struct piece {
    struct helper_job job;
    struct warmer *warmer;
    uint64_t page, count;
    bool running;
    struct request *request; /* whose it is; NULL: it goes ahead of need */
    lode_err err;
    char sentence[LODE_FAIL_MAX];
};

struct warmer {
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
    piece->err =
        segment_warm(piece->warmer->segment, piece->page * LODE_PAGE, piece->count * LODE_PAGE);
    if (piece->err != LODE_OK) {
        snprintf(piece->sentence, sizeof piece->sentence, "%s", lode_last_error());
    }
}

static void piece_done(struct helper_job *job);

lode_err
warmer_create(struct segment *segment, struct pages *pages, struct helper *helper,
              uint64_t ahead_pages, struct warmer **warmer_out)
{
    struct warmer *warmer = calloc(1, sizeof *warmer);
    if (warmer == NULL) {
        return lode_fail_with(LODE_ENOMEM, "no memory for the store's warmer");
    }
    warmer->segment = segment;
    warmer->pages = pages;
    warmer->helper = helper;
    warmer->ahead_pages = ahead_pages;
    warmer->piece.warmer = warmer;
    warmer->piece.job.run = piece_run;
    warmer->piece.job.done = piece_done;
    TAILQ_INIT(&warmer->waiting);
    *warmer_out = warmer;
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
request_is_warm(const struct warmer *warmer, const struct request *request)
{
    return pages_are_warm(warmer->pages, request->page, request->count);
}

/*
 * A call-back may make another request. So first all requests that are ready are taken off the
 * list, and then they are told.
 */
static void
end_warm_requests(struct warmer *warmer)
{
    struct request_list ready = TAILQ_HEAD_INITIALIZER(ready);
    struct request *request = TAILQ_FIRST(&warmer->waiting);
    while (request != NULL) {
        struct request *next = TAILQ_NEXT(request, link);
        if (request_is_warm(warmer, request)) {
            TAILQ_REMOVE(&warmer->waiting, request, link);
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
piece_start(struct warmer *warmer, uint64_t page, uint64_t end, struct request *request)
{
    struct piece *piece = &warmer->piece;
    uint64_t from = page, to = page;
    LODE_ASSERT(!piece->running);
    if (pages_next_cold(warmer->pages, page, end, &from, &to) &&
        to - from > WARMER_PIECE / LODE_PAGE) {
        to = from + WARMER_PIECE / LODE_PAGE;
    }
    piece->page = from;
    piece->count = to - from;
    piece->request = request;
    piece->err = LODE_OK;
    LODE_TRY(helper_submit(warmer->helper, &piece->job));
    piece->running = true;
    return LODE_OK;
}

void
warmer_look_ahead(struct warmer *warmer)
{
    struct pages_stats stats;
    uint64_t page;
    if (warmer->piece.running || warmer->closing) {
        return;
    }
    if (warmer->ahead_rest > 0) {
        warmer->ahead_rest--;
        return;
    }
    pages_counts(warmer->pages, &stats);
    if (stats.servable - stats.reserved >= warmer->ahead_pages ||
        !pages_first_cold_free(warmer->pages, &page)) {
        return;
    }
    uint64_t count = AHEAD_PIECE / LODE_PAGE;
    uint64_t end = page + (count < warmer->ahead_pages ? count : warmer->ahead_pages);
    /* If there is no thread the pages stay cold, and the next request that needs one says why. */
    (void)piece_start(warmer, page, end < stats.total ? end : stats.total, NULL);
}

/* Starts the first request's next piece; a request that cannot be started is ended. */
static void
go_on(struct warmer *warmer)
{
    while (!warmer->piece.running && !warmer->closing) {
        struct request *first = TAILQ_FIRST(&warmer->waiting);
        if (first == NULL) {
            return;
        }
        lode_err err = piece_start(warmer, first->page, first->page + first->count, first);
        if (err != LODE_OK) {
            request_end(&warmer->waiting, first, err, lode_last_error());
        }
    }
}

static void
piece_done(struct helper_job *job)
{
    struct piece *piece = (struct piece *)job;
    struct warmer *warmer = piece->warmer;
    bool warmed = job->ran && piece->err == LODE_OK;
    piece->running = false;
    if (warmed && piece->count > 0) {
        pages_warm(warmer->pages, piece->page, piece->count);
        warmer->ahead_rest = 0;
    }
    if (warmer->closing) {
        return;
    }
    if (!warmed && piece->request == NULL) {
        warmer->ahead_rest = AHEAD_REST;
    } else if (!warmed) {
        request_end(&warmer->waiting, piece->request, job->ran ? piece->err : LODE_ECLOSED,
                    piece->sentence);
    }
    end_warm_requests(warmer);
    go_on(warmer);
    if (warmed) {
        warmer_look_ahead(warmer);
        if (piece->count > 0 && warmer->on_room != NULL) {
            warmer->on_room(warmer->on_room_owner);
        }
    }
}

lode_err
warmer_request(struct warmer *warmer, uint64_t page, uint64_t count, arena_warmed_fn *done,
               void *owner, uint64_t token)
{
    struct request *request = malloc(sizeof *request);
    if (request == NULL) {
        return lode_fail_with(LODE_ENOMEM, "no memory to warm pages");
    }
    *request = (struct request){
        .page = page, .count = count, .done = done, .owner = owner, .token = token};
    if (!warmer->piece.running) {
        /* The caller hears of a missing thread at once, not by a call-back from inside. */
        lode_err err = piece_start(warmer, page, page + count, request);
        if (err != LODE_OK) {
            free(request);
            return err;
        }
    }
    TAILQ_INSERT_TAIL(&warmer->waiting, request, link);
    return LODE_OK;
}

void
warmer_on_room(struct warmer *warmer, arena_room_fn *on_room, void *owner)
{
    warmer->on_room = on_room;
    warmer->on_room_owner = owner;
}

void
warmer_destroy(struct warmer *warmer)
{
    struct request *request;
    if (warmer == NULL) {
        return;
    }
    warmer->closing = true;
    while (warmer->piece.running) {
        (void)helper_wait(warmer->helper, LODE_FOREVER);
    }
    while ((request = TAILQ_FIRST(&warmer->waiting)) != NULL) {
        request_end(&warmer->waiting, request, LODE_ECLOSED, "the store is closing");
    }
    free(warmer);
}
