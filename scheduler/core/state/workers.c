#include "scheduler/core/state/workers.h"

#include "scheduler/core/programs/turns.h"
#include "scheduler/core/state/actions.h"

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
    if (worker->list == CORE_LIST_IDLE) {
        TAILQ_REMOVE(&core->idle, worker, link);
    } else if (worker->list == CORE_LIST_OPEN) {
        TAILQ_REMOVE(&worker->program->open, worker, link);
    }
    worker->list = CORE_LIST_NONE;
}

static void
list_open(struct core *core, struct core_worker *worker)
{
    worker->list = CORE_LIST_OPEN;
    TAILQ_INSERT_TAIL(&worker->program->open, worker, link);
    core_program_fill(core, worker->program);
}

static bool
has_room(const struct core_worker *worker)
{
    return worker->count < CORE_DEPTH_MAX && worker->queued_bytes < CORE_AHEAD_BYTES &&
           (worker->queued_ns < CORE_AHEAD_NS ||
            (worker->count < 2 && worker->queued_ns < CORE_AHEAD_ONE_NS));
}

/* It goes behind the others of its program. */
static void
go_behind(struct core *core, struct core_worker *worker)
{
    core_program_fill(core, worker->program);
    if (TAILQ_NEXT(worker, link) != NULL) {
        TAILQ_REMOVE(&worker->program->open, worker, link);
        TAILQ_INSERT_TAIL(&worker->program->open, worker, link);
    }
}

void
core_worker_relist(struct core *core, struct core_worker *worker)
{
    /* Read before `list`, their neighbour, is written: the processor would wait for the write. */
    bool was_idle = worker->list == CORE_LIST_IDLE, is_stale = worker->stale;
    bool gets_tasks =
        worker->state == CORE_WORKER_UP && !worker->blocked && worker->describing == NULL;
    bool is_open =
        gets_tasks && !is_stale && worker->count > 0 && has_room(worker) && !worker->has_forced;
    if (is_open && worker->list == CORE_LIST_OPEN) {
        go_behind(core, worker);
        return;
    }
    unlist(core, worker);
    if (!gets_tasks) {
        return;
    }
    if (is_stale) {
        core->pool_changed = core->pool_changed || worker->count == 0; /* it is told to go */
        return;
    }
    if (worker->count == 0) {
        /* The worker that worked last comes first: its caches are warm, and the others may end. */
        worker->since = was_idle ? worker->since : core->now;
        worker->list = CORE_LIST_IDLE;
        TAILQ_INSERT_HEAD(&core->idle, worker, link);
        core->pool_changed = core->pool_changed || core->usable > core->options.prestart;
    } else if (is_open) {
        list_open(core, worker);
    }
}

static uint32_t
estimate_of(const struct core_task *task)
{
    uint64_t ns = task->function->average_ns;
    return ns < CORE_TASK_COST_NS ? CORE_TASK_COST_NS : ns > UINT32_MAX ? UINT32_MAX : (uint32_t)ns;
}

static __attribute__((noinline)) void
begin_serving(struct core *core, struct core_worker *worker, const struct core_task *task)
{
    worker->lease = task->needs;
    worker->program = task->lane->program;
    if (worker->last_program != worker->program->number) {
        worker->served[worker->served_count++ % CORE_SERVED_KEPT] = worker->program->number;
    }
    core_program_add_worker(core, worker->program);
    worker->served_ns = task->estimate_ns;
}

static void
end_serving(struct core *core, struct core_worker *worker)
{
    unlist(core, worker);
    core_program_remove_worker(core, worker->program);
    worker->last_program = worker->program->number;
    worker->program = NULL;
}

void
core_worker_set_blocked(struct core *core, struct core_worker *worker, bool is_blocked)
{
    if (worker->blocked == is_blocked) {
        return;
    }
    worker->blocked = is_blocked;
    core->pool_changed = true;
    core_program_blocked(core, worker->program, is_blocked, worker->for_room);
    if (is_blocked) {
        worker->blocked_number = ++core->blocked_number;
        worker->gives_up = false;
        core->used = core_resources_sub(core->used, worker->lease);
    } else {
        worker->for_room = false;
        worker->unblocked_at = core->now;
        core->used = core_resources_add(core->used, worker->lease);
    }
}

void
core_worker_take(struct core *core, struct core_worker *worker, struct core_task *task)
{
    task->worker = worker;
    task->estimate_ns = estimate_of(task);
    TAILQ_INSERT_TAIL(&worker->queue, task, link);
    worker->queued_ns += task->estimate_ns;
    worker->queued_bytes += task->bytes_size;
    task->function->placed++;
    worker->count++;
    worker->chained += task->waiting > 0;
    worker->served_ns += task->estimate_ns;
    if (worker->count == 1) {
        worker->head_since = core->now;
        begin_serving(core, worker, task);
        core->used = core_resources_add(core->used, worker->lease);
    }
    core->stacked += worker->count == 2;
    LODE_DEBUG_ASSERT(core_resources_equal(worker->lease, task->needs) && !worker->blocked);
    core_worker_relist(core, worker);
}

static __attribute__((noinline)) void
run_dry(struct core *core, struct core_worker *worker)
{
    core_worker_set_blocked(core, worker, false);
    core->used = core_resources_sub(core->used, worker->lease);
    worker->has_forced = false;
    end_serving(core, worker);
}

void
core_worker_lose(struct core *core, struct core_worker *worker, struct core_task *task)
{
    if (TAILQ_FIRST(&worker->queue) == task) {
        worker->head_since = core->now;
    }
    TAILQ_REMOVE(&worker->queue, task, link);
    task->worker = NULL;
    task->recalling = false;
    worker->queued_ns -= task->estimate_ns;
    worker->queued_bytes -= task->bytes_size;
    task->function->placed--;
    worker->count--;
    worker->chained -= task->waiting > 0;
    if (worker->state == CORE_WORKER_DEAD) {
        return; /* its CPUs went when it was reaped */
    }
    core->stacked -= worker->count == 1;
    worker->program->moved_at = core->now;
    core->pool_changed = core->pool_changed || worker->has_forced; /* another one runs now */
    if (worker->count == 0) {
        run_dry(core, worker);
    }
    core_worker_relist(core, worker);
}

void
core_worker_bury(struct core *core, struct core_worker *worker)
{
    core_worker_give_up(core, worker);
    core_worker_set_blocked(core, worker, false);
    if (worker->count > 0) {
        core->used = core_resources_sub(core->used, worker->lease);
        end_serving(core, worker);
    }
    core->stacked -= worker->count > 1;
    worker->state = CORE_WORKER_DEAD;
    core->processes--;
}

/* ---- going ---------------------------------------------------------------------------------- */

void
core_worker_retire(struct core *core, struct core_worker *worker)
{
    worker->stale = true;
    core->pool_changed = true;
    core_worker_relist(core, worker);
}

void
core_worker_replace(struct core *core, struct core_worker *worker)
{
    core_log(core, "WORKER-REPLACED",
             "worker %u (pid %lld) cannot serve another program: a task has left a thread, a "
             "process or an open file in it, or has changed what cannot be put back (limits, "
             "priority, timers, a closed stream …), or a library has brought others along, or no "
             "descriptor is left",
             worker->number, (long long)worker->pid);
    core_worker_retire(core, worker);
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
core_worker_free(struct core *core, struct core_worker *worker)
{
    struct core_part *part;
    LODE_ASSERT(worker->count == 0 && worker->list == CORE_LIST_NONE);
    HASH_DELETE(hh, core->workers, worker);
    TAILQ_REMOVE(&core->all, worker, all_link);
    while ((part = worker->parts) != NULL) {
        worker->parts = part->next;
        free(part->output.line);
        free(part);
    }
    free(worker->known);
    free(worker->held);
    free(worker->claims);
    free(worker->death);
    free(worker);
}
