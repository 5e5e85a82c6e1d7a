/*
 * workers.c: the processes as the core sees them: up, idle, open, blocked, going; and the CPUs in
 * use. How many there are: staff.c; their deaths: settle.c. README.md has the drawing.
 */
#include "scheduler/core/state.h"

#include <signal.h>

struct core_worker *
core_worker_find(struct core *core, uint32_t number)
{
    struct core_worker *worker;
    HASH_FIND(hh, core->workers, &number, sizeof number, worker);
    return worker;
}

/* ---- which list it is in -------------------------------------------------------------------- */

static void
unlist(struct core *core, struct core_worker *worker)
{
    if (worker->place == CORE_PLACE_IDLE) {
        TAILQ_REMOVE(&core->idle, worker, link);
    } else if (worker->place == CORE_PLACE_OPEN) {
        TAILQ_REMOVE(&core->open, worker, link);
    }
    worker->place = CORE_PLACE_NONE;
}

static bool
has_room(const struct core_worker *worker)
{
    return worker->count < CORE_DEPTH_MAX &&
           (worker->queued_ns < CORE_AHEAD_NS ||
            (worker->count < 2 && worker->queued_ns < CORE_AHEAD_ONE_NS));
}

void
core_worker_relist(struct core *core, struct core_worker *worker)
{
    bool was_idle = worker->place == CORE_PLACE_IDLE;
    unlist(core, worker);
    if (worker->state != CORE_WORKER_UP || worker->blocked || worker->describing != NULL) {
        return;
    }
    if (worker->stale) {
        if (worker->count == 0) {
            core_worker_quit(core, worker);
        }
        return;
    }
    if (worker->count == 0) {
        /* The one that worked last comes first: its caches are warm, and the others may go. */
        worker->since = was_idle ? worker->since : core->now;
        worker->place = CORE_PLACE_IDLE;
        TAILQ_INSERT_HEAD(&core->idle, worker, link);
        core->pool_changed = core->pool_changed || core->usable > core->options.prestart;
    } else if (has_room(worker)) {
        worker->place = CORE_PLACE_OPEN;
        TAILQ_INSERT_TAIL(&core->open, worker, link);
    }
}

static uint32_t
estimate_of(const struct core_task *task)
{
    uint64_t ns = task->function->average_ns;
    return ns < CORE_TASK_COST_NS ? CORE_TASK_COST_NS : ns > UINT32_MAX ? UINT32_MAX : (uint32_t)ns;
}

void
core_worker_take(struct core *core, struct core_worker *worker, struct core_task *task)
{
    task->worker = worker;
    task->estimate_ns = estimate_of(task);
    TAILQ_INSERT_TAIL(&worker->queue, task, link);
    worker->queued_ns += task->estimate_ns;
    task->function->placed++;
    worker->count++;
    worker->chained += task->waiting > 0;
    if (worker->count == 1) {
        worker->lease = task->cpus;
        core->cpus_used += worker->lease;
    }
    core->stacked += worker->count == 2;
    LODE_DEBUG_ASSERT(worker->lease == task->cpus && !worker->blocked);
    core_worker_relist(core, worker);
}

void
core_worker_lose(struct core *core, struct core_worker *worker, struct core_task *task)
{
    TAILQ_REMOVE(&worker->queue, task, link);
    task->worker = NULL;
    task->recalling = false;
    worker->queued_ns -= task->estimate_ns;
    task->function->placed--;
    worker->count--;
    worker->chained -= task->waiting > 0;
    if (worker->state == CORE_WORKER_DEAD) {
        return; /* its CPUs went when it was reaped */
    }
    core->stacked -= worker->count == 1;
    if (worker->count == 0) {
        if (worker->blocked) {
            worker->blocked = false;
            core->pool_changed = true;
        } else {
            core->cpus_used -= worker->lease;
        }
    }
    core_worker_relist(core, worker);
}

/* ---- coming and going ----------------------------------------------------------------------- */

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
    core->start_failures = 0;
    core->spawn_after = 0;
    core->pool_changed = true;
    core_worker_relist(core, worker);
}

void
core_worker_spawned(struct core *core, uint32_t number, int64_t pid, uint32_t err)
{
    struct core_worker *worker = core_worker_find(core, number);
    if (worker == NULL || worker->state == CORE_WORKER_DEAD) {
        return;
    }
    worker->pid = pid;
    if (err != LODE_OK) {
        core_log(core, "WORKER-NOT-STARTED", "worker %u cannot be started: %s", number,
                 lode_err_text((lode_err)err));
        struct core_event gone = {.type = CORE_EXITED, .u.exited = {.worker = number}};
        core_worker_exited(core, &gone);
    }
}

void
core_worker_give_up(struct core *core, struct core_worker *worker)
{
    core->starting -= worker->state == CORE_WORKER_STARTING;
    worker->state = CORE_WORKER_QUITTING;
    worker->since = core->now;
    core->pool_changed = true;
    unlist(core, worker);
}

void
core_worker_kill(struct core *core, struct core_worker *worker)
{
    if (worker->state == CORE_WORKER_DEAD || worker->killed) {
        return;
    }
    worker->killed = true;
    core_worker_give_up(core, worker);
    core_emit(core, CORE_KILL, worker->number, 0, SIGKILL, 0);
}

void
core_worker_quit(struct core *core, struct core_worker *worker)
{
    LODE_ASSERT(worker->state == CORE_WORKER_UP && worker->count == 0);
    core_worker_give_up(core, worker);
    struct lode_task_worker *quit = core_send(core, worker->session, LODE_TASK_QUIT, sizeof *quit);
    if (quit != NULL) {
        *quit = (struct lode_task_worker){.store_session = worker->store_session};
    }
}

void
core_worker_free(struct core *core, struct core_worker *worker)
{
    LODE_ASSERT(worker->count == 0 && worker->place == CORE_PLACE_NONE);
    HASH_DELETE(hh, core->workers, worker);
    TAILQ_REMOVE(&core->all, worker, all_link);
    free(worker->known);
    free(worker->held);
    free(worker->told);
    free(worker->death);
    free(worker);
}

/* ---- blocking ------------------------------------------------------------------------------- */

void
core_worker_blocked(struct core *core, struct core_worker *worker, uint64_t task)
{
    if (worker->state != CORE_WORKER_UP || worker->blocked || worker->count == 0) {
        return;
    }
    worker->blocked = true;
    worker->blocked_task = task;
    core->cpus_used -= worker->lease;
    core->pool_changed = true;
    core_worker_relist(core, worker);
    if (worker->count > 1) {
        core_recall(core, worker, NULL);
    }
}

/* It goes on at once; if others have its CPU meanwhile, nothing new starts until one of them ends. */
void
core_worker_unblocked(struct core *core, struct core_worker *worker)
{
    if (worker->state != CORE_WORKER_UP || !worker->blocked) {
        return;
    }
    worker->blocked = false;
    core->cpus_used += worker->lease;
    core->pool_changed = true;
    core_worker_relist(core, worker);
}

/* ---- output --------------------------------------------------------------------------------- */

void
core_worker_output(struct core *core, const struct core_event *event)
{
    struct core_worker *worker = core_worker_find(core, event->u.output.worker);
    if (worker == NULL) {
        return;
    }
    char room[LODE_TASK_NAME_MAX + 1];
    struct core_task *task = core_task_find(core, event->u.output.task);
    const char *name = "worker";
    struct core_session *session = NULL;
    if (task != NULL && task->worker == worker) {
        name = core_task_name(task, room);
        session = task->session;
    } else if (worker->last_function != NULL) {
        name = worker->last_name[0] ? worker->last_name : worker->last_function->name;
        session = core_session_find(core, worker->last_session);
    }
    uint32_t name_size = (uint32_t)strnlen(name, LODE_TASK_NAME_MAX);
    uint32_t line_size =
        event->u.output.size < CORE_OUTPUT_LINE_MAX ? event->u.output.size : CORE_OUTPUT_LINE_MAX;
    struct lode_task_output *output = core_send(core, session, LODE_TASK_OUTPUT,
                                                (uint32_t)sizeof *output + name_size + line_size);
    bool is_line = event->u.output.line != NULL;
    if (output == NULL && !is_line) {
        core_log(core, "WORKER-OUTPUT", "(%s pid=%lld) … %u lines are left out here", name,
                 (long long)worker->pid, event->u.output.dropped);
        return;
    }
    if (output == NULL) {
        core_log(core, "WORKER-OUTPUT", "(%s pid=%lld) %.*s", name, (long long)worker->pid,
                 (int)(line_size < 400 ? line_size : 400), event->u.output.line);
        return;
    }
    *output = (struct lode_task_output){.pid = worker->pid,
                                        .flags = is_line ? 0 : LODE_OUTPUT_DROPPED,
                                        .name_size = name_size,
                                        .line_size = line_size,
                                        .dropped = event->u.output.dropped};
    memcpy(output + 1, name, name_size);
    if (is_line) {
        memcpy((char *)(output + 1) + name_size, event->u.output.line, line_size);
    }
}
