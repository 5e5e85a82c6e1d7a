#include "scheduler/core/tasks/dispatch.h"

#include "scheduler/core/tasks/chain.h"
#include "scheduler/core/tasks/ends.h"
#include "scheduler/core/libraries/functions.h"
#include "scheduler/core/tasks/states.h"
#include "scheduler/core/state/workers.h"

/* ---- choosing a worker ---------------------------------------------------------------------- */

/* A worker that has served this program last holds its libraries, and need not change over. */
static struct core_worker *
choose_idle(struct core *core, const struct core_task *task, struct core_worker **old_out)
{
    const struct core_program *program = task->ticket.lane->program;
    struct core_worker *worker, *other = NULL;
    uint32_t looked_at = 0;
    if (core_program_more_workers(core, program) == 0 ||
        !core_resources_fit(core->total, core->used, task->needs)) {
        return NULL;
    }
    TAILQ_FOREACH(worker, &core->idle, link)
    {
        if (core_worker_would_conflict(worker, task->function)) {
            *old_out = worker;
        } else if (worker->last_program == program->number) {
            return worker;
        } else {
            other = other != NULL ? other : worker;
        }
        if (++looked_at >= CORE_IDLE_LOOKS && other != NULL) {
            break;
        }
    }
    return other;
}

/* Depth by time is in the list `open` (workers.c). */
static struct core_worker *
choose_worker(struct core *core, const struct core_task *task)
{
    struct core_worker *old = NULL, *worker = choose_idle(core, task, &old);
    if (worker != NULL) {
        return worker;
    }
    TAILQ_FOREACH(worker, &core->open, link)
    {
        if (core_worker_may_queue(core, worker, task)) {
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

/*
 * True if another program's first task has found no room for long: free resources are kept for it.
 */
static bool
has_to_wait(struct core *core, const struct core_program *program)
{
    if (core->wide != NULL && core->wide->ready == 0) {
        core->wide = NULL;
    }
    return core->wide != NULL && core->wide != program &&
           core->now - core->wide_since >= CORE_WIDE_NS;
}

/*
 * A program that may have no more workers is neither hungry nor wide: what is kept free for it
 * would be used by nobody.
 */
static void
found_no_room(struct core *core, struct core_program *program, const struct core_task *task)
{
    bool may_have_more = core_program_more_workers(core, program) > 0;
    core_turns_hungry(core, program, may_have_more);
    if (core->wide == NULL && may_have_more &&
        !core_resources_fit(core->total, core->used, task->needs)) {
        core->wide = program;
        core->wide_since = core->now;
    }
}

static bool
dispatch_one(struct core *core, struct core_program *program)
{
    if (has_to_wait(core, program)) {
        return false;
    }
    struct core_task *task = core_turns_first(program);
    struct core_lane *lane = task->ticket.lane;
    struct core_worker *worker = choose_worker(core, task);
    if (worker == NULL) {
        found_no_room(core, program, task);
        return false;
    }
    if (core->wide == program) {
        core->wide = NULL;
    }
    core_turns_hungry(core, program, false);
    core_task_place(core, task, worker);
    core_turns_used(core, lane);
    return true;
}

/*
 * A program that finds no worker keeps its place in front of those that have had their turn since:
 * so the next idle worker is its.
 */
void
core_dispatch(struct core *core)
{
    struct core_program *program = TAILQ_FIRST(&core->programs);
    while (program != NULL && !(TAILQ_EMPTY(&core->idle) && TAILQ_EMPTY(&core->open))) {
        bool placed = dispatch_one(core, program);
        program = placed ? TAILQ_FIRST(&core->programs) : TAILQ_NEXT(program, link);
    }
}
