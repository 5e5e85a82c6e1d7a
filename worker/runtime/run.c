/*
 * The main thread of a worker: one task after the other, from message to result.
 *
 * The steps of a task come in this order. The shared page says that it was started. Its arguments
 * are pinned. The function runs. Its results are published in the ring. What it still holds is
 * ended. The page says that it was finished. The scheduler is told. A crash anywhere leaves a page
 * that says which task to charge, and a ring that says which results were made.
 *
 * While tasks are short and more of them wait, the scheduler is told of ends in batches. A batch
 * goes out with the first end that comes HOLD_BACK_NS after its oldest one, with HOLD_BACK_MAX
 * ends, or when no task waits any more. The next task may run for hours instead. So a timer tells
 * what is held back, too: else tasks that want a result of the batch would not be run elsewhere.
 */
#include "worker/runtime/run.h"

#include "api/base/clock.h"
#include "api/base/fail.h"
#include "api/base/log.h"
#include "api/client/session/dependents.h"
#include "api/client/session/handle.h"
#include "worker/libraries/library.h"
#include "worker/libraries/signature.h"
#include "worker/process/origin.h"
#include "worker/runtime/page.h"
#include "worker/runtime/program.h"

#include <stdlib.h>
#include <string.h>

enum { HOLD_BACK_NS = 200000, HOLD_BACK_MAX = 256, TELL_NS = 2000000 };

/* ---- telling the scheduler ----------------------------------------------------------------- */

/* rest: what follows `done`; see LODE_TASK_MSG_MAP. */
static lode_err
tell_done(struct worker *worker, const struct lode_task_done *done, const void *rest,
          uint32_t rest_size, int64_t now)
{
    if (worker->held_back++ == 0) {
        worker->held_back_since = now;
    }
    bool hold = worker->held_back < HOLD_BACK_MAX && now - worker->held_back_since < HOLD_BACK_NS &&
                !queue_is_empty(&worker->queue);
    if (!hold) {
        worker->held_back = 0;
    }
    lode_err err = lode_link_send(worker->tasks->link, LODE_TASK_DONE, done, sizeof *done, rest,
                                  rest_size, hold);
    if (hold) {
        lode_later_call(worker->teller, TELL_NS);
    }
    return err;
}

/*
 * No task waits. Tells the scheduler of all ends, and rings the store: clients that wait for
 * results need not wait for more of them.
 */
static lode_err
become_idle(struct worker *worker)
{
    if (worker->unrung) {
        worker->unrung = false;
        lode_ring_doorbell(worker->db);
    }
    if (worker->held_back > 0) {
        worker->held_back = 0;
        lode_link_flush(worker->tasks->link);
    }
    /* This is also so if user code has closed the socket: the doorbell has noticed. */
    return atomic_load_explicit(&worker->db->calls.socket.down, memory_order_relaxed)
               ? lode_store_down()
               : LODE_OK;
}

/* The task goes elsewhere, uncharged: this worker cannot serve its program. */
static lode_err
hand_over(struct worker *worker, const struct queue_item *item)
{
    const struct lode_task_recall recall = {.count = 1, .flags = LODE_RECALLED_CANNOT};
    return lode_link_send(worker->tasks->link, LODE_TASK_RECALLED, &recall, sizeof recall,
                          &item->task, sizeof item->task, false);
}

/* ---- one task ------------------------------------------------------------------------------ */

static struct lode_task_order
order_of(const struct queue_item *item, const struct function *function)
{
    const struct lode_task_run *run = (const void *)item->bytes;
    return (struct lode_task_order){
        .task = run->task,
        .results = run->results,
        .result_count = run->result_count,
        .declared = function != NULL ? function->results : 0,
        .threads = run->cpus > LODE_CPU_UNIT ? run->cpus / LODE_CPU_UNIT : 1,
        .attempt = run->attempt,
        .arg_count = run->arg_count,
        .function = function != NULL ? function->name : "?",
        .args = run + 1,
        .args_size = item->size - sizeof *run,
    };
}

static void
mark_begun(struct worker *worker, const struct queue_item *item)
{
    const struct lode_task_run *run = (const void *)item->bytes;
    page_begin(worker->page, ++worker->begun, run->task);
    sleeping_begin(&worker->sleeping, run->task);
    printing_begin(&worker->printing, run->task);
}

/* A function reads the arguments that it knows of, and would not notice one more. */
static lode_err
check_count(lode_task *task, const struct function *function)
{
    uint32_t came = task->order.arg_count;
    if (function->arguments == SIGNATURE_ANY || came <= (uint32_t)function->arguments) {
        return LODE_OK;
    }
    return lode_fail(task, LODE_EINVAL, "%s: %u argument%s came, want %d: %s%s", function->name,
                     came, came == 1 ? "" : "s", function->arguments, function->name,
                     function->opened->signature);
}

/* The user's code: the function. */
static lode_err
call_opened(struct worker *worker, const struct function *function)
{
    bool pools = worker->task.order.threads > 1 && strncmp(function->name, "blas.", 5) == 0;
    uint32_t threads = pools ? program_pool_begin() : 0;
    lode_err err = function->opened->call(&worker->task);
    if (pools) {
        program_pool_end(worker, threads);
    }
    return err;
}

/* The library's constructors, if this is the first task of it, and the function. */
static lode_err
call_function(struct worker *worker, struct function *function)
{
    bool was_open = function->opened != NULL;
    lode_err err = function_open(function);
    if (err != LODE_OK) {
        return lode_task_refuse(&worker->task, err, "%s", lode_last_error());
    }
    worker->task.order.signature = function->opened->signature;
    LODE_TRY(check_count(&worker->task, function));
    held_begin(&worker->held);
    int64_t start = lode_now_ns();
    err = call_opened(worker, function);
    worker->now = lode_now_ns();
    if (was_open) {
        printing_code_ran(&worker->printing, worker->now - start);
    }
    return err;
}

/* A task that fails after its time limit is over fails for that, whatever it returns. */
static lode_err
blame_limit(struct worker *worker, lode_err err)
{
    uint32_t limit_ms = worker_limit_over(worker, worker->task.order.task);
    if (limit_ms == 0) {
        return err;
    }
    err = lode_task_refuse(&worker->task, LODE_ETIMEDOUT, "stopped after its time limit of %u ms",
                           limit_ms);
    worker->task.why.may_have_run = true;
    return err;
}

static lode_err
run_started(struct worker *worker, const struct queue_item *item, struct function *function)
{
    uint32_t ids = worker->task.order.result_count, declared = worker->task.order.declared;
    if (function == NULL || ids != (declared > 0 ? declared : 1)) {
        worker->task.order.declared = 0;
        return lode_task_refuse(&worker->task, LODE_EPROTO,
                                "the scheduler asks for %u results of %s, which has %u", ids,
                                worker->task.order.function, declared);
    }
    if (item->cancelled && item->limit_ms > 0) {
        return lode_task_refuse(&worker->task, LODE_ETIMEDOUT,
                                "not run within its time limit of %u ms", item->limit_ms);
    }
    if (item->cancelled) {
        return lode_task_refuse(&worker->task, LODE_ECANCELLED, "%s was cancelled", function->name);
    }
    origin_set(worker->task.order.task);
    atomic_store_explicit(&worker->tasks->parent, worker->task.order.task, memory_order_relaxed);
    lode_err err = call_function(worker, function);
    atomic_store_explicit(&worker->tasks->parent, 0, memory_order_relaxed);
    return err == LODE_OK ? LODE_OK : blame_limit(worker, err);
}

/*
 * The task's lines are taken out before the results are published. The last of them go with DONE.
 * They do not wait for it if it takes long to publish the results: the store may have to make room
 * for some of them, and may stand still.
 */
static lode_err
end_printing(struct worker *worker)
{
    uint64_t sent = worker->printing.records;
    LODE_TRY(printing_end(&worker->printing));
    if (worker->printing.records != sent) {
        worker->now = 0;
        lode_later_call(worker->teller, TELL_NS);
    }
    return LODE_OK;
}

/*
 * The clock is read before and after the function, and once more only if that was followed by
 * something that takes long. So what is done around short tasks counts as the next one's run time,
 * if that follows at once. It takes as long there.
 */
static int64_t
now_of(struct worker *worker)
{
    if (worker->now == 0) {
        worker->now = lode_now_ns();
    }
    return worker->now;
}

/*
 * ended   LODE_OK, or the failure
 * stored  LODE_OK; else the store has no room for the failure, and the scheduler puts it
 */
static lode_err
tell_end(struct worker *worker, struct lode_task_done *done, lode_err ended, lode_err stored,
         int64_t now)
{
    done->err = (uint32_t)ended;
    if (ended == LODE_OK) {
        done->status = LODE_DONE_OK;
        return tell_done(worker, done, "", 0, now);
    }
    if (stored == LODE_OK) {
        const char *why = worker->task.why.message;
        done->status = LODE_DONE_FAILED;
        return tell_done(worker, done, why, (uint32_t)strnlen(why, LODE_TASK_WHY_MAX), now);
    }
    char error[LODE_TASK_ERROR_MAX];
    done->status = LODE_DONE_UNSTORED;
    return tell_done(worker, done, error, lode_task_write_failure(&worker->task, error), now);
}

static lode_err
run_task(struct worker *worker, const struct queue_item *item)
{
    const struct lode_task_run *run = (const void *)item->bytes;
    struct function *function = functions_find(&worker->functions, run->function);
    struct lode_task_order order = order_of(item, function);
    struct lode_task_done done = {.task = run->task, .status = LODE_DONE_MISSING};
    lode_err err, ended = LODE_OK;
    int64_t start = now_of(worker);
    worker->now = 0;
    if ((function != NULL && !function_may_open(function, run->program)) ||
        !program_enter(worker, run)) {
        return hand_over(worker, item);
    }
    mark_begun(worker, item);
    enum lode_task_begun begun = lode_task_begin(&worker->task, &order, &err);
    if (begun == LODE_TASK_BROKEN) {
        return err;
    }
    if (begun == LODE_TASK_MISSING) {
        lode_task_abandon(&worker->task);
        page_hand_back(worker->page, worker->begun);
        sleeping_end(&worker->sleeping);
        return tell_done(worker, &done, "", 0, start);
    }
    if (begun == LODE_TASK_GO) {
        err = run_started(worker, item, function);
        LODE_TRY(end_printing(worker));
    }
    lode_err stored = lode_task_finish(&worker->task, err, &ended);
    if (stored != LODE_EFULL && stored != LODE_ELIMIT) {
        LODE_TRY(stored);
    }
    worker->unrung = true;
    lode_dependents_end(worker->db); /* wait sets, say */
    if (held_any(&worker->held)) {
        worker->now = 0;
    }
    lode_err held = held_end(&worker->held, worker->db);
    page_finish(worker->page);
    sleeping_end(&worker->sleeping);
    if (!worker->task.was_quick) {
        worker->now = 0;
    }
    int64_t now = now_of(worker);
    done.run_ns = (uint64_t)(now - start);
    LODE_TRY(tell_end(worker, &done, ended, stored, now));
    return held; /* the task has ended well, whatever becomes of its worker */
}

/* ---- describing a library ------------------------------------------------------------------ */

static lode_err
describe(struct worker *worker, const struct queue_item *item)
{
    const struct lode_task_load *load = (const void *)item->bytes;
    struct lode_task_loaded answer = {.tag = load->tag};
    const struct library *library = NULL;
    void *bytes = NULL;
    size_t size = 0;
    char *path = strndup((const char *)(load + 1), item->size - sizeof *load);
    if (path != NULL && (!library_may_open(path, 0) || !program_enter(worker, NULL))) {
        free(path);
        answer.err = LODE_EAGAIN; /* another worker does */
        return lode_link_send(worker->tasks->link, LODE_TASK_DESCRIBED, &answer, sizeof answer, "",
                              0, false);
    }
    printing_begin(&worker->printing, LODE_PRINTING_LIBRARY);
    lode_err err = path != NULL ? library_open(path, &library)
                                : lode_fail_with(LODE_ENOMEM, "no room for a path");
    free(path);
    if (err == LODE_OK) {
        err = library_describe(library, &bytes, &size);
    }
    answer.err = (uint32_t)err;
    const void *text = err == LODE_OK ? bytes : lode_last_error();
    size = err == LODE_OK ? size : strlen(lode_last_error());
    LODE_TRY(printing_end(&worker->printing));
    err = lode_link_send(worker->tasks->link, LODE_TASK_DESCRIBED, &answer, sizeof answer, text,
                         (uint32_t)size, false);
    free(bytes);
    return err;
}

/* ---- the loop ------------------------------------------------------------------------------ */

lode_err
worker_run(struct worker *worker)
{
    struct queue_item *item = NULL;
    lode_err err = LODE_OK;
    bool quit = false;
    program_init(worker);
    while (err == LODE_OK && !quit) {
        struct queue_item *next = queue_take(&worker->queue, item, false);
        if (next == NULL) {
            LODE_TRY(become_idle(worker));
            worker->now = 0;
            next = queue_take(&worker->queue, NULL, true);
        }
        item = next;
        switch (item->type) {
        case QUEUE_RUN:
            err = run_task(worker, item);
            break;
        case QUEUE_DESCRIBE:
            err = describe(worker, item);
            worker->now = 0;
            break;
        case QUEUE_QUIT:
            quit = true;
            break;
        }
    }
    return err;
}
