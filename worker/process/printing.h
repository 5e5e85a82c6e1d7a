/*
 * printing.h: what the user's code writes to stdout and stderr. Both are one pipe, which the
 * scheduler reads. At the end of a task the worker takes out what is left, and sends it before the
 * task's DONE: so each byte belongs to the task that ran when it was written
 * (api/layout/output_lock.h). It is lost with no worker (api/layout/taken_output.h).
 *
 * Each program that the worker serves gets a pipe of its own. What a task has left running, with
 * the old pipe as its stdout, still writes to the program that it belongs to.
 */
#ifndef WORKER_PROCESS_PRINTING_H
#define WORKER_PROCESS_PRINTING_H

#include "api/client/tasks/tasks.h"
#include "api/layout/taken_output.h"

enum {
    PRINTING_READ_MAX = 64 << 10, /* bytes of one record */
    PRINTING_WRITE_NS = 100       /* no system call that writes into a pipe takes less */
};

struct printing {
    struct lode_worker_page *page;
    struct lode_tasks *tasks;
    int fd;          /* our reading end of the pipe; -1: still the first one, which has none here */
    uint64_t begun;  /* the task, as in page->printing */
    int64_t code_ns; /* so long its code has run; see printing_code_ran() */
    uint64_t records;   /* PRINTED, that were sent */
    uint32_t taken_end; /* as in the page, which the user's code can write to */
};

/* page: with lode_taken_area() behind it. */
void printing_init(struct printing *printing, struct lode_worker_page *page);

/* Both are a new pipe from now on. Errors: LODE_ESYS, LODE_EDOWN …: they are as before. */
LODE_MUST_CHECK lode_err printing_renew(struct printing *printing, uint64_t program);

/* True if the scheduler has no reading end of the pipe. */
bool printing_is_lost(const struct printing *printing);

/* The task, or LODE_PRINTING_LIBRARY, is about to run the user's code. */
void printing_begin(struct printing *printing, uint64_t task);

/*
 * The task's function has run for so long. Not to be called if anything else of the user's code may
 * have run, such as a constructor.
 */
static inline void
printing_code_ran(struct printing *printing, int64_t ns)
{
    printing->code_ns = ns;
}

/*
 * It has run: sends what is left of its output; the last of it goes with the next record that is
 * sent. One system call if there is nothing; and none if its code was over sooner than it could
 * have written anything.
 */
LODE_MUST_CHECK lode_err printing_end(struct printing *printing);

#endif
