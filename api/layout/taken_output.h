/*
 * taken_output.h: what a worker has taken out of its output pipe, and the scheduler may not have
 * yet. A record PRINTED is in the worker's memory until the link has sent it, and is lost if the
 * worker dies before: the next task may crash at once. So the worker reads the pipe into memory
 * that it shares with the scheduler, behind its page, and sends the record from there. After the
 * worker's death the scheduler takes those pieces that it has no record of.
 *
 *   | piece | bytes | piece | bytes | …            | LODE_TAKEN_BYTES
 *                                     ^ page->taken_end
 *
 * Where a piece finds no room, the worker waits until the scheduler has acknowledged all records,
 * and begins at 0 again. It waits for a second at most: the scheduler may be stopped.
 *
 *   field      written by  order              read by    order
 *   taken_end  worker      release            scheduler  after the worker was reaped
 *   is_out     worker      release, after     scheduler  after the worker was reaped
 *   the rest   worker      plain, before      scheduler  after the worker was reaped
 *                          taken_end
 *
 * A worker may be killed while it reads. Then `is_out` is 0, and the pipe tells: if it holds less
 * than before, the bytes are here.
 *
 * The user's code can write anything here. Sizes are checked, and a task that is not the worker's
 * is nobody's.
 */
#ifndef LODE_LAYOUT_TAKEN_OUTPUT_H
#define LODE_LAYOUT_TAKEN_OUTPUT_H

#include "api/layout/worker_page.h"

enum {
    LODE_TAKEN_BYTES = 128 << 10,
    LODE_WORKER_SHARED_BYTES = LODE_WORKER_PAGE_BYTES + LODE_TAKEN_BYTES /* of the memfd */
};

/* Its bytes follow. */
struct lode_taken {
    uint64_t record;    /* 1, 2 …: which of the worker's records PRINTED it is */
    uint64_t task;      /* as page->printing */
    uint32_t size;      /* bytes that are read, or to be read */
    uint32_t was_there; /* bytes in the pipe before that */
    _Atomic uint32_t is_out;
    uint32_t reserved;
};

static inline uint8_t *
lode_taken_area(struct lode_worker_page *page)
{
    return (uint8_t *)page + LODE_WORKER_PAGE_BYTES;
}

/* A piece with so many bytes; the next one is aligned. */
static inline uint32_t
lode_taken_span(uint32_t size)
{
    return (uint32_t)sizeof(struct lode_taken) + (size + 7) / 8 * 8;
}

#endif
