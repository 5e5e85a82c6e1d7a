/*
 * What the scheduler tells a worker. All of this runs on nng's threads, beside the main thread, and
 * returns at once. A record of the wrong size ends the link, and with it the worker.
 */
#include "worker/runtime/records.h"

#include "api/base/fail.h"

#include <stdlib.h>
#include <string.h>

static lode_err
bad(const char *what, uint32_t size)
{
    return lode_fail_with(LODE_EPROTO, "a record %s of %u bytes from the scheduler", what, size);
}

/* Has the large arguments of a task that waits in the queue mapped ahead. */
static void
populate_args(struct worker *worker, const struct lode_task_run *run, uint32_t size)
{
    const void *args = run + 1;
    size_t at = 0, room = size - sizeof *run;
    for (uint32_t i = 0; i < run->arg_count; i++) {
        struct lode_arg_in in;
        lode_id id;
        if (lode_args_next(args, room, &at, &in) != LODE_OK) {
            return; /* the task itself will say so */
        }
        if (in.kind == LODE_ARG_REF) {
            memcpy(&id, in.value, sizeof id);
            populate_ask(&worker->populate, id);
        }
    }
}

static lode_err
on_run(struct worker *worker, const void *bytes, uint32_t size)
{
    const struct lode_task_run *run = bytes;
    if (size < sizeof *run || run->task == 0 || run->arg_count > LODE_TASK_ARGS_MAX ||
        run->result_count == 0 || run->result_count > LODE_TASK_RESULTS_MAX) {
        return bad("RUN", size);
    }
    bool waits = worker->queue.added.count > 0 || !queue_is_idle(&worker->queue);
    LODE_TRY(queue_add(&worker->queue, QUEUE_RUN, run->task, bytes, size));
    if (waits && run->arg_count > 0) {
        populate_args(worker, run, size);
    }
    return LODE_OK;
}

static lode_err
on_recall(struct worker *worker, const void *bytes, uint32_t size)
{
    const struct lode_task_recall *recall = bytes;
    uint64_t *task = NULL;
    struct lode_task_recall answer = {0};
    if (size < sizeof *recall || (size - sizeof *recall) / sizeof *task < recall->count) {
        return bad("RECALL", size);
    }
    LODE_TRY(queue_recall(&worker->queue, (const uint64_t *)(recall + 1), recall->count, &task,
                          &answer.count));
    lode_err err = lode_link_send(worker->tasks->link, LODE_TASK_RECALLED, &answer, sizeof answer,
                                  task, answer.count * (uint32_t)sizeof *task, false);
    free(task);
    return err;
}

static lode_err
on_stop(struct worker *worker, const void *bytes, uint32_t size)
{
    const struct lode_task_cancel *stop = bytes;
    if (size < sizeof *stop) {
        return bad("STOP_TASK", size);
    }
    if (queue_stop(&worker->queue, stop->task, stop->limit_ms)) {
        atomic_store_explicit(&worker->limit_ms, stop->limit_ms, memory_order_relaxed);
        atomic_store_explicit(&worker->page->cancelled, stop->task, memory_order_release);
    }
    return LODE_OK;
}

static lode_err
on_give_up(struct worker *worker, const void *bytes, uint32_t size)
{
    const struct lode_task_give_up *give_up = bytes;
    if (size < sizeof *give_up) {
        return bad("GIVE_UP", size);
    }
    sleeping_give_up(&worker->sleeping, give_up->call, give_up->workers);
    return LODE_OK;
}

void
worker_records_end(void *arg)
{
    struct worker *worker = arg;
    queue_publish(&worker->queue);
}

lode_err
worker_record(void *arg, uint16_t type, const void *bytes, uint32_t size)
{
    struct worker *worker = arg;
    if (type == LODE_TASK_RUN) {
        return on_run(worker, bytes, size);
    }
    queue_publish(&worker->queue); /* it may be about a task that has come just before */
    switch (type) {
    case LODE_TASK_FUNCTION:
        return functions_add(&worker->functions, bytes, size);
    case LODE_TASK_RECALL:
        return on_recall(worker, bytes, size);
    case LODE_TASK_STOP_TASK:
        return on_stop(worker, bytes, size);
    case LODE_TASK_GIVE_UP:
        return on_give_up(worker, bytes, size);
    case LODE_TASK_DESCRIBE:
        return size > sizeof(struct lode_task_load)
                   ? queue_put(&worker->queue, QUEUE_DESCRIBE, 0, bytes, size)
                   : bad("DESCRIBE", size);
    case LODE_TASK_QUIT:
        return queue_put(&worker->queue, QUEUE_QUIT, 0, NULL, 0);
    default:
        return lode_fail_with(LODE_EPROTO, "a record of type %u for a worker", type);
    }
}
