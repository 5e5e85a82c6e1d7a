/*
 * chain.c: a task whose missing arguments are all to be made by tasks in one worker's queue goes
 * behind them at once: a chain costs no round trip a link. The worker finds the arguments when it
 * comes to it, its own results among them; if a maker left none, the task is handed back (MISSING).
 *
 * While it is chained (PLACED, with `waiting` not 0) it stays in the lists of those who wait for its
 * makers, so that these are not abandoned, and it is not fetched for idle workers: elsewhere it
 * could not begin before them.
 */
#include "scheduler/core/state.h"

/* The worker that has all tasks that it waits for, and will run them; NULL: there is none. */
static struct core_worker *
worker_of_makers(const struct core_task *task)
{
    struct core_worker *worker = NULL;
    uint32_t makers = 0;
    for (const struct core_dep *dep = task->deps; dep != NULL; dep = dep->next) {
        const struct core_task *maker = dep->result->task;
        if (maker->state != CORE_TASK_PLACED || maker->recalling || maker->cancelled ||
            maker->abandoned || (worker != NULL && worker != maker->worker)) {
            return NULL;
        }
        worker = maker->worker;
        makers++;
    }
    return makers == task->waiting ? worker : NULL; /* else the store is asked for some */
}

/* Of many that wait for one maker, not all queue up behind it while another worker has nothing. */
static bool
begins_sooner_elsewhere(const struct core *core, const struct core_worker *worker,
                        const struct core_task *task)
{
    if (TAILQ_EMPTY(&core->idle) || worker->queued_ns <= CORE_CHAIN_NS) {
        return false;
    }
    const struct core_task *last = TAILQ_LAST(&worker->queue, core_task_list);
    for (const struct core_dep *dep = task->deps; dep != NULL; dep = dep->next) {
        if (dep->result->task == last) {
            return false;
        }
    }
    return true;
}

bool
core_chain(struct core *core, struct core_task *task)
{
    struct core_worker *worker = worker_of_makers(task);
    if (worker == NULL || worker->place != CORE_PLACE_OPEN || core->ready_count > 0 ||
        !core_worker_may_queue(worker, task) || begins_sooner_elsewhere(core, worker, task) ||
        core_worker_would_conflict(worker, task->function)) {
        return false; /* whoever is ready comes first */
    }
    task->function->waiting--;
    core->waiting_count--;
    task->watching = false; /* all that was watched has come */
    core_task_put(core, task, worker);
    return true;
}

/* What is chained comes to the end of the queue, so that this finds those behind it, too. */
void
core_chain_behind(struct core *core, struct core_task *task)
{
    for (; task != NULL; task = TAILQ_NEXT(task, link)) {
        for (struct core_result *r = task->made; r != NULL; r = r->sibling) {
            struct core_dep *dep;
            LIST_FOREACH(dep, &r->waiters, of_result)
            {
                if (dep->task->state == CORE_TASK_WAITING) {
                    (void)core_chain(core, dep->task);
                }
            }
        }
    }
}
