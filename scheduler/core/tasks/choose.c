#include "scheduler/core/tasks/choose.h"

#include "scheduler/core/libraries/functions.h"
#include "scheduler/core/state/workers.h"

/* A worker that has served this program last holds its libraries, and need not change over. */
static struct core_worker *
choose_idle(struct core *core, const struct core_task *task, struct core_worker **old_out)
{
    const struct core_program *program = task->lane->program;
    struct core_worker *worker, *other = NULL;
    uint32_t looked_at = 0;
    if (!core_program_may_grow(core, program) ||
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

/* Depth by time is in the list `open` (workers.c). A queue holds tasks of one program. */
static __attribute__((noinline)) struct core_worker *
choose(struct core *core, const struct core_task *task)
{
    struct core_worker *worker, *old = NULL;
    if (!TAILQ_EMPTY(&core->idle) && (worker = choose_idle(core, task, &old)) != NULL) {
        return worker;
    }
    TAILQ_FOREACH(worker, &task->lane->program->open, link)
    {
        if (core_worker_may_queue(core, worker, task)) {
            if (!core_worker_would_conflict(worker, task->function)) {
                return worker;
            }
            old = old != NULL ? old : worker;
        }
    }
    if (old != NULL) {
        core_worker_retire(core, old);
    }
    return NULL;
}

/* As a rule none is idle, and the first one that has room will do. */
struct core_worker *
core_choose_worker(struct core *core, const struct core_task *task)
{
    struct core_worker *first = TAILQ_FIRST(&task->lane->program->open);
    if (TAILQ_EMPTY(&core->idle) && (first == NULL || (core_worker_may_queue(core, first, task) &&
                                                       core_worker_knows(first, task->function)))) {
        return first;
    }
    return choose(core, task);
}
