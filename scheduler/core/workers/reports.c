#include "scheduler/core/workers/reports.h"

#include "scheduler/core/state/actions.h"
#include "scheduler/core/tasks/args.h"
#include "scheduler/core/workers/claims.h"
#include "scheduler/core/tasks/ends.h"
#include "scheduler/core/state/errors.h"
#include "scheduler/core/tasks/recall.h"
#include "scheduler/core/state/sessions.h"
#include "scheduler/core/tasks/states.h"
#include "scheduler/core/state/tasks.h"
#include "scheduler/core/state/workers.h"
#include "scheduler/core/workers/printed.h"
#include "scheduler/core/workers/starts.h"

void
core_worker_ready(struct core *core, struct core_worker *worker)
{
    if (worker->state != CORE_WORKER_STARTING) {
        core_cut(core, worker->session, LODE_EPROTO, "worker %u said READY twice", worker->number);
        return;
    }
    worker->state = CORE_WORKER_UP;
    worker->was_up = true;
    core->starting--;
    core_start_succeeded(core);
    core->pool_changed = true;
    core_worker_relist(core, worker);
}

/* ---- blocking ------------------------------------------------------------------------------- */

/* True if that is a task in its queue; a worker may say anything. */
static bool
has_task(const struct core *core, const struct core_worker *worker, uint64_t number)
{
    const struct core_task *task = core_task_find(core, number);
    return task != NULL && task->worker == worker;
}

void
core_worker_blocked(struct core *core, struct core_worker *worker,
                    const struct lode_task_worker *said)
{
    if (worker->state != CORE_WORKER_UP || worker->blocked || !has_task(core, worker, said->task)) {
        return;
    }
    worker->for_room = (said->flags & LODE_BLOCKED_FOR_ROOM) != 0;
    core_worker_set_blocked(core, worker, true);
    worker->blocked_task = said->task;
    worker->blocked_call = said->call;
    core_worker_relist(core, worker);
    if (worker->count > 1) {
        core_recall(core, worker, NULL);
    }
}

/*
 * The task goes on at once. If another has its CPU by now, no new task starts until one has ended.
 */
void
core_worker_unblocked(struct core *core, struct core_worker *worker)
{
    if (worker->state != CORE_WORKER_UP || !worker->blocked) {
        return;
    }
    core_worker_set_blocked(core, worker, false);
    core_worker_relist(core, worker);
}

/* ---- RECALLED ------------------------------------------------------------------------------- */

/*
 * What the worker had not begun comes back, also unasked (one that blocks bounces what arrives).
 * The last first, so that they keep their order at the front.
 */
void
core_recalled(struct core *core, struct core_worker *worker, const uint64_t *task, uint32_t count)
{
    worker->recalls -= worker->recalls > 0;
    for (uint32_t i = count; i-- > 0;) {
        struct core_task *back = core_task_find(core, task[i]);
        if (back == NULL || back->worker != worker || back->state != CORE_TASK_PLACED) {
            continue;
        }
        core_task_unlink(core, back);
        if (!core_task_stop(core, back)) {
            core_task_back(core, back);
        }
    }
}

/* ---- DONE ----------------------------------------------------------------------------------- */

static void
measure(struct core_function *function, uint64_t run_ns)
{
    uint64_t ns = run_ns > CORE_RUN_MAX_NS ? CORE_RUN_MAX_NS : run_ns;
    function->average_ns = function->done == 0 ? ns : (3 * function->average_ns + ns) / 4;
    function->done++;
    function->ramp += function->ramp < CORE_DEPTH_MAX;
}

static void
report(struct core *core, struct core_task *task, const struct core_session *audience)
{
    char room[LODE_TASK_NAME_MAX + 1] = {0};
    const char *name = core_task_name(task, room);
    core_task_start_failing(task);
    struct core_report *r =
        core_emit(core, CORE_REPORT, audience->number, task->number, 0, sizeof *r);
    memset(r, 0, sizeof *r);
    r->failed = task->results;
    memcpy(r->name, name, strnlen(name, LODE_TASK_NAME_MAX));
}

/* One whose program did not wait for its end has failed all the same, if it says so. */
static void
note_failure(struct core *core, const struct core_worker *worker, struct core_task *task,
             lode_err err, const char *why, size_t why_size)
{
    task->gave_up = (err == LODE_ECANCELLED || task->cancelled) && !task->timed_out;
    core_failure_note_said(core, task, err, worker, why, why_size);
}

static void
failed_by_worker(struct core *core, const struct core_worker *worker, struct core_task *task,
                 lode_err err, const char *why, size_t why_size)
{
    note_failure(core, worker, task, err, why, why_size);
    const struct core_session *audience = core_task_audience(task);
    if ((task->flags & LODE_SUBMIT_UNATTENDED) != 0 && audience != NULL) {
        report(core, task, audience);
    } else {
        core_task_end(core, task, true);
    }
}

/* The same where the store had no room for the worker's error objects, which are `error`. */
static void
put_for_worker(struct core *core, const struct core_worker *worker, struct core_task *task,
               const void *error, uint32_t size, const struct lode_error_parts *parts)
{
    note_failure(core, worker, task, (lode_err)parts->head.code, parts->message,
                 strlen(parts->message));
    if (core_task_is_unwanted(task)) {
        core_task_end(core, task, true);
        return;
    }
    core_task_start_failing(task);
    core_put_error_bytes(core, task, error, size);
}

/*
 * An argument was not there: the store is asked whether it will come. The task is charged nothing.
 */
static void
hand_back(struct core *core, struct core_task *task)
{
    if (core_task_stop(core, task)) {
        return;
    }
    task->missing += task->waiting == 0; /* a chained one may have a maker that left nothing */
    if (task->missing > CORE_MISSING_MAX) {
        core_task_fail(core, task, LODE_EGONE, NULL,
                       "an argument was freed each time that the task was to run: keep a reference "
                       "to it until the task has ended");
        return;
    }
    core_task_look_for_args(core, task, false);
}

/* The bytes are one error object of this task, and no more: they are put as they are. */
static bool
is_error_of(const struct lode_task_done *done, const void *bytes, uint32_t size,
            struct lode_error_parts *parts_out)
{
    return size <= LODE_TASK_ERROR_MAX &&
           lode_error_object_read(bytes, size, parts_out) == LODE_OK &&
           lode_error_object_size(parts_out) == size && parts_out->head.task == done->task &&
           (uint32_t)parts_out->head.code == done->err;
}

/* parts_out: of the error object, if there is one. */
static bool
makes_sense(const struct lode_task_done *done, uint32_t rest_size,
            struct lode_error_parts *parts_out)
{
    switch (done->status) {
    case LODE_DONE_OK:
    case LODE_DONE_MISSING:
        return rest_size == 0;
    case LODE_DONE_FAILED:
        return done->err != LODE_OK && rest_size <= LODE_TASK_WHY_MAX;
    case LODE_DONE_UNSTORED:
        return is_error_of(done, done + 1, rest_size, parts_out);
    default:
        return false;
    }
}

/*
 * A worker has one placement of a task at a time, and says in order what became of each. So a DONE
 * that finds its task placed at the same worker is of that placement (README.md, rule 3).
 */
void
core_task_done(struct core *core, struct core_worker *worker, const struct lode_task_done *done,
               uint32_t size)
{
    struct core_task *task = core_task_find(core, done->task);
    uint32_t rest_size = size - (uint32_t)sizeof *done;
    struct lode_error_parts parts;
    if (!makes_sense(done, rest_size, &parts)) {
        core_cut(core, worker->session, LODE_EPROTO,
                 "a DONE with status %u, error %u and %u bytes that do not go with them",
                 done->status, done->err, rest_size);
        return;
    }
    if (task == NULL || task->state != CORE_TASK_PLACED || task->worker != worker) {
        core->stats.repeats_dropped++;
        return;
    }
    if (worker->blocked && worker->blocked_task == task->number) {
        core_worker_unblocked(core, worker);
    }
    if (worker->parts != NULL) {
        core_printed_end(core, worker, task->number);
    }
    worker->finished++;
    worker->last_function = task->function;
    worker->last_name[0] = '\0';
    if (task->name_size > 0) {
        core_task_name(task, worker->last_name);
    }
    core_task_unlink(core, task);
    if (done->status == LODE_DONE_MISSING) {
        hand_back(core, task);
        return;
    }
    measure(task->function, done->run_ns);
    core_claims_note(worker, task);
    if (done->status == LODE_DONE_OK) {
        core_task_end(core, task, false);
    } else if (done->status == LODE_DONE_UNSTORED) {
        put_for_worker(core, worker, task, done + 1, rest_size, &parts);
    } else {
        failed_by_worker(core, worker, task, (lode_err)done->err, (const char *)(done + 1),
                         rest_size);
    }
}
