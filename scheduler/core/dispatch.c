/*
 * dispatch.c: which ready task goes to which worker, and which is fetched back.
 *
 * A worker that has tasks holds a lease of CPUs, and each task in its queue needs exactly that many:
 * so the CPUs in use are those of the leases, however deep the queues are. Sessions take turns.
 */
#include "scheduler/core/state.h"

/* ---- choosing a worker ---------------------------------------------------------------------- */

static bool
cpus_fit(const struct core *core, uint32_t cpus)
{
    return cpus == 0 || core->cpus_used + cpus <= core->options.cpus;
}

bool
core_worker_would_conflict(const struct core_worker *worker, const struct core_function *function)
{
    return !core_worker_knows(worker, function) && core_worker_conflicts(worker, function->library);
}

/* Depth by time is in the list `open` (workers.c); this is the slow start of one function. */
bool
core_worker_may_queue(const struct core_worker *worker, const struct core_task *task)
{
    return worker->lease == task->cpus && worker->count < task->function->ramp;
}

static struct core_worker *
choose_worker(struct core *core, const struct core_task *task)
{
    struct core_worker *worker, *old = NULL;
    if (cpus_fit(core, task->cpus)) {
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

static void
next_turn(struct core *core, struct core_session *session)
{
    session->quantum = CORE_QUANTUM;
    TAILQ_REMOVE(&core->active, session, active_link);
    TAILQ_INSERT_TAIL(&core->active, session, active_link);
}

/* A session whose first task finds no room for long has the CPUs kept free for it. */
static bool
has_to_wait(struct core *core, const struct core_session *session)
{
    if (core->wide != NULL && !core->wide->active) {
        core->wide = NULL;
    }
    return core->wide != NULL && core->wide != session &&
           core->now - core->wide_since >= CORE_WIDE_NS;
}

static void
found_no_room(struct core *core, struct core_session *session, const struct core_task *task)
{
    if (core->wide == NULL && !cpus_fit(core, task->cpus)) {
        core->wide = session;
        core->wide_since = core->now;
    }
}

static bool
dispatch_one(struct core *core, struct core_session *session)
{
    if (has_to_wait(core, session)) {
        return false;
    }
    struct core_task *task = TAILQ_FIRST(&session->ready);
    struct core_worker *worker = choose_worker(core, task);
    if (worker == NULL) {
        found_no_room(core, session, task);
        return false;
    }
    if (core->wide == session) {
        core->wide = NULL;
    }
    core_task_place(core, task, worker);
    return true;
}

void
core_dispatch(struct core *core)
{
    struct core_session *session, *first_failed = NULL;
    while ((session = TAILQ_FIRST(&core->active)) != NULL && session != first_failed) {
        if (TAILQ_EMPTY(&core->idle) && TAILQ_EMPTY(&core->open)) {
            break;
        }
        if (!dispatch_one(core, session)) {
            first_failed = first_failed != NULL ? first_failed : session;
            next_turn(core, session);
            continue;
        }
        first_failed = NULL;
        if (session->active && --session->quantum == 0) {
            next_turn(core, session);
        }
    }
}

void
core_fail_ready(struct core *core, lode_err code, const char *why)
{
    struct core_session *session;
    while ((session = TAILQ_FIRST(&core->active)) != NULL) {
        struct core_task *task = TAILQ_FIRST(&session->ready);
        core_task_unlink(core, task);
        core_task_fail(core, task, code, NULL, "not run: %s", why);
    }
}

/* ---- recall --------------------------------------------------------------------------------- */

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

/* The later half of what is queued behind the running task. */
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

/* Half of it, but nothing is torn away from what it is chained to. */
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
 * What could run at another worker: unstarted and not chained. The first one may have begun. A chain
 * alone stays where it is; what lies among chained tasks is fetched with all of them.
 */
static uint32_t
movable(const struct core_worker *worker)
{
    uint32_t first = TAILQ_FIRST(&worker->queue)->waiting == 0;
    return worker->count - worker->chained - first;
}

/* The worker with the most to give to an idle one. */
static struct core_worker *
find_victim(struct core *core)
{
    struct core_worker *worker, *best = NULL;
    TAILQ_FOREACH(worker, &core->all, all_link)
    {
        if (worker->state == CORE_WORKER_UP && worker->count > 1 && worker->recalls == 0 &&
            !worker->blocked && movable(worker) > 0 && cpus_fit(core, worker->lease) &&
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
    /* Short queues are as a rule empty before the answer is here; a long task is not known before. */
    bool now = (victim->chained == 0 && queued_behind(victim) > CORE_RECALL_NOW_NS) ||
               (core->recall_at != 0 && core->now >= core->recall_at);
    if (now) {
        recall_some(core, victim);
        core->recall_at = 0;
    } else if (core->recall_at == 0) {
        core->recall_at = core->now + CORE_RECALL_LATER_NS;
    }
}

/*
 * What the worker had not begun comes back, also unasked (one that blocks bounces what arrives).
 * The last first, so that they keep their order at the front.
 */
void
core_recalled(struct core *core, struct core_worker *worker, const uint64_t *task, uint32_t count)
{
    worker->recalls -= worker->recalls > 0;
    for (uint32_t i = count; i-- > 0;) {
        struct core_task *back = core_task_find(core, task[i]);
        if (back == NULL || back->worker != worker || back->state != CORE_TASK_PLACED) {
            continue;
        }
        core_task_unlink(core, back);
        if (!core_task_stop(core, back)) {
            core_task_back(core, back);
        }
    }
}
