#include "scheduler/core/tasks/dispatch.h"

#include "scheduler/core/tasks/chain.h"
#include "scheduler/core/tasks/ends.h"
#include "scheduler/core/libraries/functions.h"
#include "scheduler/core/tasks/states.h"
#include "scheduler/core/state/workers.h"

/* ---- choosing a worker ---------------------------------------------------------------------- */

/* Depth by time is in the list `open` (workers.c). */
static struct core_worker *
choose_worker(struct core *core, const struct core_task *task)
{
    struct core_worker *worker, *old = NULL;
    if (core_resources_fit(core->total, core->used, task->needs)) {
        TAILQ_FOREACH(worker, &core->idle, link)
        {
            if (!core_worker_would_conflict(worker, task->function)) {
                return worker;
            }
            old = worker;
        }
    }
    TAILQ_FOREACH(worker, &core->open, link)
    {
        if (core_worker_may_queue(worker, task)) {
            if (!core_worker_would_conflict(worker, task->function)) {
                return worker;
            }
            old = old != NULL ? old : worker;
        }
    }
    if (old != NULL) {
        old->stale = true;
        core->pool_changed = true;
        core_worker_relist(core, old);
    }
    return NULL;
}

/* ---- taking turns --------------------------------------------------------------------------- */

/* True if another lane's first task has found no room for long: free resources are kept for it. */
static bool
has_to_wait(struct core *core, const struct core_lane *lane)
{
    if (core->wide != NULL && core->wide->count == 0) {
        core->wide = NULL;
    }
    return core->wide != NULL && core->wide != lane && core->now - core->wide_since >= CORE_WIDE_NS;
}

static void
found_no_room(struct core *core, const struct core_lane *lane, const struct core_task *task)
{
    if (core->wide == NULL && !core_resources_fit(core->total, core->used, task->needs)) {
        core->wide = lane;
        core->wide_since = core->now;
    }
}

static bool
dispatch_one(struct core *core, const struct core_lane *lane)
{
    if (has_to_wait(core, lane)) {
        return false;
    }
    struct core_task *task = core_lane_first(lane);
    struct core_worker *worker = choose_worker(core, task);
    if (worker == NULL) {
        found_no_room(core, lane, task);
        return false;
    }
    if (core->wide == lane) {
        core->wide = NULL;
    }
    core_task_place(core, task, worker);
    return true;
}

void
core_dispatch(struct core *core)
{
    struct core_lane *lane, *first_failed = NULL;
    while ((lane = TAILQ_FIRST(&core->lanes)) != NULL && lane != first_failed) {
        if (TAILQ_EMPTY(&core->idle) && TAILQ_EMPTY(&core->open)) {
            break;
        }
        if (!dispatch_one(core, lane)) {
            first_failed = first_failed != NULL ? first_failed : lane;
            core_lane_pass(&core->lanes, lane);
            continue;
        }
        first_failed = NULL;
        core_lane_used(&core->lanes, lane);
    }
}

void
core_fail_ready(struct core *core, lode_err code, const char *why)
{
    struct core_lane *lane;
    while ((lane = TAILQ_FIRST(&core->lanes)) != NULL) {
        struct core_task *task = core_lane_first(lane);
        core_task_unlink(core, task);
        core_task_fail(core, task, code, NULL, "not run: %s", why);
    }
}
