#include "scheduler/core/tasks/chain.h"

#include "scheduler/core/libraries/functions.h"
#include "scheduler/core/state/objects.h"
#include "scheduler/core/tasks/choose.h"
#include "scheduler/core/tasks/states.h"
#include "scheduler/core/state/workers.h"

/* The worker in whose queue are all tasks for which this one waits; NULL: there is none. */
static struct core_worker *
worker_of_makers(const struct core_task *task)
{
    struct core_worker *worker = NULL;
    for (const struct core_dep *dep = task->deps; dep != NULL; dep = dep->next) {
        const struct core_task *maker = dep->object->task;
        if (maker == NULL || maker->state != CORE_TASK_PLACED || maker->recalling ||
            maker->cancelled || maker->abandoned || (worker != NULL && worker != maker->worker)) {
            return NULL;
        }
        worker = maker->worker;
    }
    return worker;
}

/* If many tasks wait for one maker, not all of them go behind it while another worker is idle. */
static bool
begins_sooner_elsewhere(const struct core *core, const struct core_worker *worker,
                        const struct core_task *task)
{
    if (TAILQ_EMPTY(&core->idle) || worker->queued_ns <= CORE_CHAIN_NS) {
        return false;
    }
    const struct core_task *last = TAILQ_LAST(&worker->queue, core_task_list);
    for (const struct core_dep *dep = task->deps; dep != NULL; dep = dep->next) {
        if (dep->object->task == last) {
            return false;
        }
    }
    return true;
}

static bool
chain(struct core *core, struct core_task *task)
{
    struct core_worker *worker = worker_of_makers(task);
    if (worker == NULL || worker->list != CORE_LIST_OPEN || core->ready_count > 0 ||
        !core_worker_may_queue(core, worker, task) || begins_sooner_elsewhere(core, worker, task) ||
        core_worker_would_conflict(worker, task->function)) {
        return false; /* ready tasks come first */
    }
    core_task_put(core, task, worker);
    return true;
}

/* A chained task comes to the end of the queue, so this walk chains the tasks behind it, too. */
static void
chain_behind(struct core *core, struct core_task *task)
{
    for (; task != NULL; task = TAILQ_NEXT(task, link)) {
        for (struct core_object *object = task->made; object != NULL; object = object->sibling) {
            struct core_dep *dep;
            TAILQ_FOREACH(dep, &object->waiters, of_object)
            {
                if (dep->task->state == CORE_TASK_WAITING) {
                    (void)chain(core, dep->task);
                }
            }
        }
    }
}

void
core_task_place(struct core *core, struct core_task *task, struct core_worker *worker)
{
    core_task_put(core, task, worker);
    if (core->waiting_count > 0 && core->ready_count == 0) {
        chain_behind(core,
                     task); /* else nothing can be chained, and what it makes is not looked at */
    }
}

bool
core_task_place_at_once(struct core *core, struct core_task *task)
{
    struct core_worker *worker = core->ready_count == 0 ? core_choose_worker(core, task) : NULL;
    if (worker != NULL) {
        core_task_place(core, task, worker);
    }
    return worker != NULL;
}

void
core_task_go_on(struct core *core, struct core_task *task)
{
    if (task->waiting == 0) {
        core_task_unlink(core, task);
        core_task_ready(core, task);
    } else if (chain(core, task)) {
        chain_behind(core, task);
    }
}

void
core_task_arg_came(struct core *core, struct core_task *task)
{
    task->waiting--;
    if (task->worker == NULL) {
        core_task_go_on(core, task);
    } else {
        task->worker->chained -= task->waiting == 0;
    }
}
