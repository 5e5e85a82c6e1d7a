/*
 * task_context.h: struct lode_task: one call on its way from arguments to results, in the worker
 * that runs it. It is part of liblode because task libraries call it; only the worker makes one.
 *
 *   IDLE --lode_task_begin()--> READY --the function--> READY --lode_task_finish()--> IDLE
 *     ^                          |
 *     +--lode_task_abandon()-----+   (an argument is missing: handed back)
 *
 * READY: each argument that is a reference is pinned, or known from an earlier call. Results are
 * drafts that nobody sees, or values in the task's own memory. lode_task_finish() commits all
 * results in one step, or error objects in their place, and releases the pins.
 *
 * Ownership  what the accessors give out is the task's
 * Threads    the worker's main thread; lode_task_cancelled() any
 */
#ifndef LODE_CLIENT_TASK_CONTEXT_H
#define LODE_CLIENT_TASK_CONTEXT_H

#include "api/client/context/commit.h"
#include "api/client/context/recent.h"
#include "api/layout/arg_reader.h"
#include "api/layout/index.h"
#include "api/wire/task_msg.h"

enum {
    LODE_TASK_SMALL_BYTES = 32 << 10,   /* results up to here, in sum, ride in the commit record */
    LODE_TASK_RESULT_TIMEOUT_MS = 30000 /* results wait so long for room, then the task fails */
};

/* What the scheduler asks for. Everything in it lives until the task is finished. */
struct lode_task_order {
    uint64_t task; /* the scheduler's number */
    lode_id results;
    uint32_t result_count; /* ids */
    uint32_t declared;     /* results by the library's table: 0 with one id, or result_count */
    uint32_t threads;
    uint32_t attempt;
    uint32_t arg_count;
    const char *function;
    const char *signature; /* of it; NULL: it has none, or its library is not open yet */
    const void *args;
    size_t args_size;
};

struct lode_task_input {
    struct lode_arg_in in;
    lode_view view; /* of a reference: pinned, or of `copy`; else zeroed */
    _Alignas(16) uint8_t copy[LODE_RECENT_BYTES];
};

struct lode_task_output_slot {
    bool given;
    lode_draft draft; /* data NULL: a value */
    lode_array array;
    bool is_array;
    const void *data; /* of a value; NULL: `scalar` */
    size_t size;
    _Alignas(8) char scalar[8];
};

struct lode_task {
    lode *db;
    struct lode_task_order order;
    const _Atomic uint64_t *cancelled;    /* the number of the task that is to stop */
    struct lode_task_input *input;        /* order.arg_count */
    struct lode_task_output_slot *output; /* order.declared */
    struct lode_result *commit;           /* for lode_ring_commit(): order.result_count */
    size_t input_room, output_room, commit_room;
    char *small; /* LODE_TASK_SMALL_BYTES for small results */
    size_t small_used;
    struct lode_recent *recent; /* what was committed last */
    bool was_quick;             /* its results, if any, lie in one record, and are small */
    lode_err failed;            /* of `message` */
    char message[512];          /* set by lode_fail() and the accessors */
    lode_failure_info why;      /* of an argument that is an error, or of what the worker found */
};

LODE_MUST_CHECK lode_err lode_task_init(lode_task *task, lode *db,
                                        const _Atomic uint64_t *cancelled);
void lode_task_fini(lode_task *task);

enum lode_task_begun {
    LODE_TASK_GO = 1,      /* call the function, then lode_task_finish() with what it returned */
    LODE_TASK_MISSING = 2, /* an argument is not there: lode_task_abandon() */
    LODE_TASK_REFUSED = 3, /* do not call it; lode_task_finish() with *err_out: an argument failed,
                              or is gone, or cannot be read, and that is the task's failure too */
    LODE_TASK_BROKEN = 4   /* *err_out: no memory, or the store is dead: this worker must end */
};

/* Reads the arguments and pins those that are references. Never waits for one. */
LODE_MUST_CHECK enum lode_task_begun
lode_task_begin(lode_task *task, const struct lode_task_order *order, lode_err *err_out);

/* Releases the pins; nothing was made. */
void lode_task_abandon(lode_task *task);

/*
 * Ends the task with what the function returned: commits its results, or its failure.
 *
 *   err       LODE_OK; else the failure
 *   ended_out LODE_OK, or the error that a get of the results gives
 *
 * Errors  LODE_EDOWN: the store is dead and nothing was committed; LODE_EFULL, LODE_ELIMIT: it had
 *         no room for the failure either, which is task->why
 */
LODE_MUST_CHECK lode_err lode_task_finish(lode_task *task, lode_err err, lode_err *ended_out);

/*
 * Writes the error object that lode_task_finish() had no room for, at most LODE_TASK_ERROR_MAX
 * bytes. Returns their number.
 */
uint32_t lode_task_write_failure(const lode_task *task, void *out);

/* Says of a task that cannot run what its failure is to be: for `err` of lode_task_finish(). */
lode_err lode_task_refuse(lode_task *task, lode_err code, const char *format, ...)
    LODE_PRINTF(3, 4);

#endif
