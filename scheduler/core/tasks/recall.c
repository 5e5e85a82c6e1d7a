#include "scheduler/core/tasks/recall.h"

#include "scheduler/core/state/sessions.h"

static void
send_recall(struct core *core, struct core_worker *worker, const uint64_t *task, uint32_t count)
{
    struct lode_task_recall *recall = core_send(core, worker->session, LODE_TASK_RECALL,
                                                (uint32_t)(sizeof *recall + count * sizeof *task));
    if (recall == NULL) {
        return;
    }
    *recall = (struct lode_task_recall){.count = count};
    if (count > 0) {
        memcpy(recall + 1, task, count * sizeof *task);
    }
    worker->recalls++;
}

void
core_recall(struct core *core, struct core_worker *worker, struct core_task *task)
{
    if (task != NULL) {
        task->recalling = true;
        send_recall(core, worker, &task->number, 1);
        return;
    }
    TAILQ_FOREACH(task, &worker->queue, link)
    {
        task->recalling = true;
    }
    send_recall(core, worker, NULL, 0);
}

/* Recalls the later half of the tasks that are queued behind the running one. */
static void
recall_half(struct core *core, struct core_worker *worker)
{
    uint64_t number[CORE_DEPTH_MAX];
    uint32_t count = worker->count / 2;
    struct core_task *task = TAILQ_LAST(&worker->queue, core_task_list);
    for (uint32_t i = count; i-- > 0; task = TAILQ_PREV(task, core_task_list, link)) {
        task->recalling = true;
        number[i] = task->number;
    }
    send_recall(core, worker, number, count);
}

/* Recalls half of the queue, or all of it if tasks are chained: no task is torn from its maker. */
static void
recall_some(struct core *core, struct core_worker *worker)
{
    if (worker->chained > 0) {
        core_recall(core, worker, NULL);
    } else {
        recall_half(core, worker);
    }
}

static uint64_t
queued_behind(const struct core_worker *worker)
{
    return worker->queued_ns - TAILQ_FIRST(&worker->queue)->estimate_ns;
}

/*
 * How many tasks could run at another worker: those that are unstarted and not chained. The first
 * one may have begun. A chain alone stays where it is. Tasks among chained ones are fetched with
 * all of them.
 */
static uint32_t
movable(const struct core_worker *worker)
{
    uint32_t first = TAILQ_FIRST(&worker->queue)->waiting == 0;
    return worker->count - worker->chained - first;
}

/* The worker whose queue has the most to give to an idle one. */
static struct core_worker *
find_victim(struct core *core)
{
    struct core_worker *worker, *best = NULL;
    TAILQ_FOREACH(worker, &core->all, all_link)
    {
        if (worker->state == CORE_WORKER_UP && worker->count > 1 && worker->recalls == 0 &&
            !worker->blocked && movable(worker) > 0 &&
            core_resources_fit(core->total, core->used, worker->lease) &&
            (best == NULL || queued_behind(worker) > queued_behind(best))) {
            best = worker;
        }
    }
    return best;
}

void
core_rebalance(struct core *core)
{
    if (core->stacked == 0 || core->ready_count > 0 || TAILQ_EMPTY(&core->idle)) {
        core->recall_at = 0;
        return;
    }
    struct core_worker *victim = find_victim(core);
    if (victim == NULL) {
        core->recall_at = 0;
        return;
    }
    /*
     * Short queues are as a rule empty before the answer is here; a long task is not known before.
     */
    bool now = (victim->chained == 0 && queued_behind(victim) > CORE_RECALL_NOW_NS) ||
               (core->recall_at != 0 && core->now >= core->recall_at);
    if (now) {
        recall_some(core, victim);
        core->recall_at = 0;
    } else if (core->recall_at == 0) {
        core->recall_at = core->now + CORE_RECALL_LATER_NS;
    }
}
