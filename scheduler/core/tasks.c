/*
 * tasks.c: a task's life. Every change of task.state is in this file, but for SETTLING (workers.c)
 * and the birth of WAITING (submit.c). README.md has the drawing.
 */
#include "scheduler/core/state.h"

#include <stdarg.h>
#include <stdio.h>

enum { SLOT_BITS = 24, SLOTS_FIRST = 1024 };

/* ---- numbers -------------------------------------------------------------------------------- */

/* A free slot holds the number of the next one, shifted, with the low bit set. */
static uint32_t
slot_take(struct core *core)
{
    if (core->slot_free != 0) {
        uint32_t slot = core->slot_free - 1;
        core->slot_free = (uint32_t)((uintptr_t)core->slot[slot] >> 1);
        return slot;
    }
    if (core->slot_used == core->slot_room) {
        core->slot_room = core->slot_room ? 2 * core->slot_room : SLOTS_FIRST;
        core->slot = core_realloc(core->slot, core->slot_room * sizeof *core->slot);
    }
    return core->slot_used++;
}

static void
slot_give(struct core *core, uint32_t slot)
{
    core->slot[slot] = (struct core_task *)((uintptr_t)core->slot_free << 1 | 1);
    core->slot_free = slot + 1;
    if (core->task_pool.count == 0) {
        core->slot_used = core->slot_free = 0;
        if (core->slot_room > SLOTS_FIRST) {
            core->slot_room = SLOTS_FIRST;
            core->slot = core_realloc(core->slot, SLOTS_FIRST * sizeof *core->slot);
        }
    }
}

struct core_task *
core_task_find(const struct core *core, uint64_t number)
{
    uint64_t slot = number & ((UINT64_C(1) << SLOT_BITS) - 1);
    if (slot >= core->slot_used || ((uintptr_t)core->slot[slot] & 1) != 0) {
        return NULL;
    }
    struct core_task *task = core->slot[slot];
    return task->number == number ? task : NULL;
}

struct core_task *
core_task_create(struct core *core, struct core_session *session)
{
    struct core_task *task = core_pool_take(&core->task_pool);
    memset(task, 0, offsetof(struct core_task, inline_bytes));
    uint32_t slot = slot_take(core);
    core->slot[slot] = task;
    task->number = ++core->serial << SLOT_BITS | slot;
    task->session = session;
    TAILQ_INSERT_TAIL(&session->tasks, task, of_session);
    session->task_count++;
    return task;
}

static void
task_destroy(struct core *core, struct core_task *task)
{
    struct core_session *session = task->session;
    core_results_remove(&core->results, task);
    if (task->watching) {
        core_emit(core, CORE_UNWATCH, 0, task->number, 0, 0);
    }
    TAILQ_REMOVE(&session->tasks, task, of_session);
    session->task_count--;
    if (task->bytes != task->inline_bytes) {
        free(task->bytes);
    }
    uint32_t slot = (uint32_t)(task->number & ((UINT64_C(1) << SLOT_BITS) - 1));
    core_pool_give(&core->task_pool, task);
    slot_give(core, slot);
    if (session->ended) {
        core_session_settle(core, session);
    }
}

const char *
core_task_name(const struct core_task *task, char room[LODE_TASK_NAME_MAX + 1])
{
    if (task->name_size == 0) {
        return task->function != NULL ? task->function->name : "(unknown function)";
    }
    memcpy(room, task->bytes, task->name_size);
    room[task->name_size] = '\0';
    return room;
}

/* ---- waiting, ready, placed ----------------------------------------------------------------- */

void
core_task_ready(struct core *core, struct core_task *task, bool first)
{
    struct core_session *session = task->session;
    task->state = CORE_TASK_READY;
    task->function->ready++;
    core->ready_count++;
    if (first) {
        TAILQ_INSERT_HEAD(&session->ready, task, link);
    } else {
        TAILQ_INSERT_TAIL(&session->ready, task, link);
    }
    if (!session->active) {
        session->active = true;
        session->quantum = CORE_QUANTUM;
        TAILQ_INSERT_TAIL(&core->active, session, active_link);
    }
}

static void
unready(struct core *core, struct core_task *task)
{
    struct core_session *session = task->session;
    TAILQ_REMOVE(&session->ready, task, link);
    task->function->ready--;
    core->ready_count--;
    if (TAILQ_EMPTY(&session->ready)) {
        session->active = false;
        TAILQ_REMOVE(&core->active, session, active_link);
    }
}

static void
send_run(struct core *core, struct core_worker *worker, struct core_task *task)
{
    uint32_t skip = core_align8(task->name_size);
    uint32_t args_size = task->bytes_size - skip;
    struct lode_task_run *run =
        core_send(core, worker->session, LODE_TASK_RUN, (uint32_t)sizeof *run + args_size);
    if (run == NULL) {
        return; /* its end is on the way, and brings the task back */
    }
    *run = (struct lode_task_run){.task = task->number,
                                  .submitter_session = task->session->store_session,
                                  .results = task->results,
                                  .function = task->function->number,
                                  .result_count = task->result_count,
                                  .cpus = task->cpus,
                                  .attempt = task->attempts + 1,
                                  .flags = task->flags,
                                  .arg_count = task->arg_count};
    memcpy(run + 1, task->bytes + skip, args_size);
}

void
core_task_put(struct core *core, struct core_task *task, struct core_worker *worker)
{
    core_worker_teach(core, worker, task->function);
    task->state = CORE_TASK_PLACED;
    task->recalling = false;
    core_worker_take(core, worker, task);
    send_run(core, worker, task);
}

void
core_task_place(struct core *core, struct core_task *task, struct core_worker *worker)
{
    LODE_ASSERT(task->state == CORE_TASK_READY);
    unready(core, task);
    core_task_put(core, task, worker);
    core_chain_behind(core, task);
}

void
core_task_back(struct core *core, struct core_task *task)
{
    if (task->waiting > 0) {
        core_task_look_for_args(core, task, true);
    } else {
        core_task_ready(core, task, true);
    }
}

void
core_task_unlink(struct core *core, struct core_task *task)
{
    switch (task->state) {
    case CORE_TASK_WAITING:
        core_deps_remove(&core->results, task);
        task->function->waiting--;
        core->waiting_count--;
        break;
    case CORE_TASK_READY:
        unready(core, task);
        break;
    case CORE_TASK_PLACED:
    case CORE_TASK_SETTLING:
        core_worker_lose(core, task->worker, task);
        core_deps_remove(&core->results, task);
        break;
    default:
        break;
    }
}

void
core_task_arg_ready(struct core *core, struct core_task *task, uint32_t arg_offset)
{
    struct lode_task_arg *arg = (struct lode_task_arg *)(task->bytes + arg_offset);
    LODE_DEBUG_ASSERT(arg->ready != CORE_ARG_THERE);
    arg->ready = CORE_ARG_THERE;
    bool all = --task->waiting == 0;
    if (task->worker != NULL) {
        task->worker->chained -= all;
    } else if (all) {
        task->watching = false; /* a watch is one-shot, and all of it has come */
        core_task_unlink(core, task);
        core_task_ready(core, task, false);
    } else if (core_chain(core, task)) {
        core_chain_behind(core, task);
    }
}

/* ---- the end -------------------------------------------------------------------------------- */

/* Those who wait for what it made go on; with an error, they fail with it. A chained one goes on
 * either way: its worker reads the error. */
static void
tell_waiters(struct core *core, struct core_task *task, bool error)
{
    for (struct core_result *r = task->made; r != NULL; r = r->sibling) {
        struct core_dep *dep;
        while ((dep = LIST_FIRST(&r->waiters)) != NULL) {
            struct core_task *waiter = dep->task;
            uint32_t offset = dep->arg_offset;
            if (error && waiter->state == CORE_TASK_WAITING) {
                core_task_unlink(core, waiter);
                core_task_fail_as(core, waiter, r->id);
                continue;
            }
            struct core_dep **at = &waiter->deps;
            while (*at != dep) {
                at = &(*at)->next;
            }
            *at = dep->next;
            LIST_REMOVE(dep, of_result);
            core_pool_give(&core->results.deps, dep);
            core_task_arg_ready(core, waiter, offset);
        }
    }
}

void
core_task_end(struct core *core, struct core_task *task, bool error)
{
    tell_waiters(core, task, error);
    core->stats.finished++;
    bool stopped = task->cancelled || task->abandoned;
    core->stats.failed += error && !stopped;
    core->stats.cancelled += error && stopped;
    if (!task->session->ended) {
        core_session_notice(core, task->session, task->submission);
    }
    task_destroy(core, task);
}

static void
start_failing(struct core *core, struct core_task *task)
{
    LODE_ASSERT(task->deps == NULL);
    task->state = CORE_TASK_FAILING;
    if (task->watching) {
        task->watching = false;
        core_emit(core, CORE_UNWATCH, 0, task->number, 0, 0);
    }
}

void
core_task_fail(struct core *core, struct core_task *task, lode_err code,
               const struct core_death *death, const char *format, ...)
{
    char text[1024];
    va_list args;
    va_start(args, format);
    vsnprintf(text, sizeof text, format, args);
    va_end(args);
    start_failing(core, task);
    core_failure_note(core, task, code, death, text);
    core_put_error(core, task, (lode_id){{0}}, code, death, text);
}

void
core_task_fail_as(struct core *core, struct core_task *task, lode_id cause)
{
    static const char TEXT[] = "not run: the task that was to make an argument of it failed";
    start_failing(core, task);
    core_failure_note(core, task, LODE_ETASK, NULL, TEXT);
    core_put_error(core, task, cause, LODE_ETASK, NULL, TEXT);
}

void
core_task_error_done(struct core *core, uint64_t cookie)
{
    struct core_task *task = core_task_find(core, cookie);
    if (task != NULL && task->state == CORE_TASK_FAILING) {
        core_task_end(core, task, true);
    }
}

/* ---- cancelling ----------------------------------------------------------------------------- */

/* True if another task waits for it that is not abandoned: then it is not abandoned after all. */
static bool
is_waited_for(const struct core_task *task)
{
    for (const struct core_result *r = task->made; r != NULL; r = r->sibling) {
        const struct core_dep *dep;
        LIST_FOREACH(dep, &r->waiters, of_result)
        {
            if (!dep->task->abandoned) {
                return true;
            }
        }
    }
    return false;
}

bool
core_task_stop(struct core *core, struct core_task *task)
{
    if (task->abandoned && is_waited_for(task)) {
        task->abandoned = false;
    }
    if (task->abandoned) {
        core_task_end(core, task, true);
        return true;
    }
    if (task->cancelled) {
        core_task_fail(core, task, LODE_ECANCELLED, NULL, "the task was cancelled");
        return true;
    }
    return false;
}

static void
send_stop(struct core *core, struct core_task *task)
{
    struct lode_task_cancel *stop =
        core_send(core, task->worker->session, LODE_TASK_STOP_TASK, sizeof *stop);
    if (stop != NULL) {
        *stop = (struct lode_task_cancel){.result = task->results, .task = task->number};
    }
}

/* The children of a running task are what its worker's session submitted for it. */
static void
cancel_children(struct core *core, struct core_task *task)
{
    struct core_session *session = task->worker->session;
    if (session == NULL) {
        return;
    }
    struct core_task *next;
    for (struct core_task *child = TAILQ_FIRST(&session->tasks); child != NULL; child = next) {
        next = TAILQ_NEXT(child, of_session);
        if (child->parent == task->number && !child->cancelled) {
            core_task_cancel(core, child, false);
        }
    }
}

void
core_task_cancel(struct core *core, struct core_task *task, bool abandon)
{
    if (task->state == CORE_TASK_FAILING || (abandon && is_waited_for(task))) {
        return;
    }
    bool told = task->cancelled || task->abandoned;
    task->cancelled = task->cancelled || !abandon;
    task->abandoned = task->abandoned || abandon;
    if (task->state == CORE_TASK_SETTLING) {
        return; /* the settlement looks */
    }
    if (task->state != CORE_TASK_PLACED) {
        core_task_unlink(core, task);
        core_task_stop(core, task);
        return;
    }
    if (!told) {
        /* Recalled if it has not begun; whatever is there after that is running. */
        core_recall(core, task->worker, task);
        send_stop(core, task);
        cancel_children(core, task);
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
report(struct core *core, struct core_task *task)
{
    char room[LODE_TASK_NAME_MAX + 1] = {0};
    const char *name = core_task_name(task, room);
    start_failing(core, task);
    struct core_report *r =
        core_emit(core, CORE_REPORT, task->session->number, task->number, 0, sizeof *r);
    memset(r, 0, sizeof *r);
    r->failed = task->results;
    memcpy(r->name, name, strnlen(name, LODE_TASK_NAME_MAX));
}

static void
failed_by_worker(struct core *core, struct core_task *task, lode_err err)
{
    core_failure_note(core, task, err, NULL, lode_err_text(err));
    if ((task->flags & LODE_SUBMIT_UNATTENDED) != 0 && !task->session->ended) {
        report(core, task);
    } else {
        core_task_end(core, task, true);
    }
}

/* An argument was not there: the store knows whether it will come. Charged with nothing. */
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

/*
 * Its worker has one placement of it at a time, and says in order what became of each: a DONE that
 * finds its task placed at the same worker is of that placement (README.md, rule 3).
 */
void
core_task_done(struct core *core, struct core_worker *worker, const struct lode_task_done *done)
{
    struct core_task *task = core_task_find(core, done->task);
    if (task == NULL || task->state != CORE_TASK_PLACED || task->worker != worker) {
        core->stats.repeats_dropped++;
        return;
    }
    if (worker->blocked && worker->blocked_task == task->number) {
        core_worker_unblocked(core, worker);
    }
    worker->finished++;
    worker->last_function = task->function;
    worker->last_session = task->session->number;
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
    core_told_note(worker, task);
    if (done->status == LODE_DONE_OK) {
        core_task_end(core, task, false);
    } else {
        failed_by_worker(core, task, (lode_err)done->err);
    }
}
