#include "scheduler/core/workers/stopping.h"

#include "scheduler/core/state/actions.h"
#include "scheduler/core/state/workers.h"
#include "scheduler/core/tasks/recall.h"

#include <signal.h>

/* Whether any task of the queue is to end by force; the one that runs is the first. */
static bool
has_forced(const struct core_worker *worker)
{
    const struct core_task *task;
    TAILQ_FOREACH(task, &worker->queue, link)
    {
        if (task->forced) {
            return true;
        }
    }
    return false;
}

/* Clears the flag once nothing of the queue is to end by force: others may be queued again. */
static void
look_again(struct core *core, struct core_worker *worker)
{
    if (worker->has_forced && !has_forced(worker)) {
        worker->has_forced = false;
        core_worker_relist(core, worker);
    }
}

/* What the worker has not begun would die with the task. */
static void
begin_grace(struct core *core, struct core_worker *worker, const struct core_task *running)
{
    worker->stopping = running->number;
    worker->was_terminated = false;
    worker->stop_at = core->now + CORE_GRACE_NS;
    if (worker->count > 1 && worker->state == CORE_WORKER_UP) {
        core_recall(core, worker, NULL);
    }
}

/* The signal may come when the task has ended. So the worker gets no other one. */
static void
terminate(struct core *core, struct core_worker *worker)
{
    worker->stale = true;
    worker->was_terminated = true;
    worker->stop_at = core->now + CORE_GRACE_NS;
    core_emit(core, CORE_KILL, worker->number, 0, SIGTERM, 0);
}

int64_t
core_worker_stop_forced(struct core *core, struct core_worker *worker)
{
    look_again(core, worker);
    const struct core_task *running = TAILQ_FIRST(&worker->queue);
    if (!worker->has_forced || worker->killed || worker->state == CORE_WORKER_DEAD ||
        !running->forced) {
        return 0;
    }
    if (worker->stopping != running->number) {
        begin_grace(core, worker, running);
    } else if (core->now >= worker->stop_at && worker->was_terminated) {
        core_worker_kill(core, worker);
        return 0;
    } else if (core->now >= worker->stop_at) {
        terminate(core, worker);
    }
    return worker->stop_at;
}
