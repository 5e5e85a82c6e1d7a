#include "scheduler/core/workers/stopping.h"

#include "scheduler/core/state/actions.h"
#include "scheduler/core/state/workers.h"

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

int64_t
core_worker_stop_forced(struct core *core, struct core_worker *worker)
{
    const struct core_task *running = TAILQ_FIRST(&worker->queue);
    worker->has_forced = worker->has_forced && has_forced(worker);
    if (!worker->has_forced || worker->killed || worker->state == CORE_WORKER_DEAD ||
        !running->forced) {
        return 0;
    }
    if (worker->stopping != running->number) {
        worker->stopping = running->number;
        worker->was_terminated = false;
        worker->stop_at = core->now + CORE_GRACE_NS;
    } else if (core->now >= worker->stop_at && worker->was_terminated) {
        core_worker_kill(core, worker);
        return 0;
    } else if (core->now >= worker->stop_at) {
        worker->was_terminated = true;
        worker->stop_at = core->now + CORE_GRACE_NS;
        core_emit(core, CORE_KILL, worker->number, 0, SIGTERM, 0);
    }
    return worker->stop_at;
}
