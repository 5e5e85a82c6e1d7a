#include "scheduler/core/workers/staff.h"

#include "scheduler/core/state/actions.h"
#include "scheduler/core/tasks/dispatch.h"
#include "scheduler/core/libraries/loads.h"
#include "scheduler/core/state/sessions.h"
#include "scheduler/core/state/workers.h"

#include <stdlib.h>

/* ---- starting ------------------------------------------------------------------------------- */

void
core_worker_start_failed(struct core *core)
{
    int64_t wait = CORE_BACKOFF_NS << (core->start_failures < 10 ? core->start_failures : 10);
    core->start_failures++;
    core->spawn_after = core->now + (wait < CORE_BACKOFF_MAX_NS ? wait : CORE_BACKOFF_MAX_NS);
}

/* False: there is no memory, which counts as a worker that does not start. */
static bool
start_one(struct core *core)
{
    struct core_worker *worker = calloc(1, sizeof *worker);
    if (worker != NULL) {
        worker->number = ++core->next_worker;
        HASH_ADD(hh, core->workers, number, sizeof worker->number, worker);
    }
    if (worker == NULL || !hash_has(hh, worker)) {
        free(worker);
        core_log(core, "WORKER-NOT-STARTED", "no memory for one more worker");
        core_worker_start_failed(core);
        core->pool_changed = true;
        return false;
    }
    worker->state = CORE_WORKER_STARTING;
    worker->since = core->now;
    TAILQ_INIT(&worker->queue);
    TAILQ_INSERT_TAIL(&core->all, worker, all_link);
    core->processes++;
    core->starting++;
    core->stats.workers_started++;
    core->pool_changed = true;
    core_emit(core, CORE_SPAWN, worker->number, 0, 0, 0);
    return true;
}

void
core_workers_start(struct core *core)
{
    for (uint32_t i = 0; i < core->options.prestart && start_one(core); i++) {
    }
}

/* ---- how many ------------------------------------------------------------------------------- */

static void
sooner(int64_t *deadline_io, int64_t when)
{
    if (*deadline_io == 0 || when < *deadline_io) {
        *deadline_io = when;
    }
}

static void
quit(struct core *core, struct core_worker *worker)
{
    LODE_ASSERT(worker->state == CORE_WORKER_UP && worker->count == 0);
    core_worker_give_up(core, worker);
    (void)core_send(core, worker->session, LODE_TASK_QUIT, 0);
}

/*
 * Counts the workers that can be given tasks. Kills those that do not come up, or do not end when
 * they were told to. Tells stale ones to end.
 */
static void
count_pool(struct core *core)
{
    core->pool_changed = false;
    core->pool_deadline = 0;
    core->usable = 0;
    struct core_worker *worker;
    TAILQ_FOREACH(worker, &core->all, all_link)
    {
        core->usable += worker->state == CORE_WORKER_UP && !worker->blocked && !worker->stale;
        if (worker->stale && worker->state == CORE_WORKER_UP && worker->count == 0 &&
            worker->describing == NULL) {
            quit(core, worker);
        }
        bool timed = worker->state == CORE_WORKER_STARTING ||
                     (worker->state == CORE_WORKER_QUITTING && !worker->killed);
        if (timed && core->now - worker->since >= CORE_START_NS) {
            core_worker_kill(core, worker);
        } else if (timed) {
            sooner(&core->pool_deadline, worker->since + CORE_START_NS);
        }
    }
}

static const struct core_task *
first_ready(const struct core *core)
{
    return core_lane_first(TAILQ_FIRST(&core->lanes));
}

/* How many more tasks could run at this moment if there were workers for them. */
static uint32_t
tasks_without_worker(const struct core *core)
{
    if (core->ready_count == 0 || !TAILQ_EMPTY(&core->idle)) {
        return 0;
    }
    return (uint32_t)core_resources_times(core->total, core->used, first_ready(core)->needs,
                                          core->ready_count);
}

static void
start_missing(struct core *core)
{
    uint32_t want = core->options.prestart;
    uint32_t more = tasks_without_worker(core);
    more += more == 0 && TAILQ_EMPTY(&core->idle) && core_describe_waits(core);
    if (core->usable + more > want) {
        want = core->usable + more;
    }
    while (core->usable + core->starting < want && core->processes < core->options.worker_max) {
        if (core->now < core->spawn_after) {
            sooner(&core->pool_deadline, core->spawn_after);
            return;
        }
        (void)start_one(core);
    }
}

static void
end_spare(struct core *core)
{
    struct core_worker *worker;
    while (core->usable > core->options.prestart &&
           (worker = TAILQ_LAST(&core->idle, core_worker_list)) != NULL) {
        if (core->now - worker->since < CORE_SPARE_NS) {
            sooner(&core->pool_deadline, worker->since + CORE_SPARE_NS);
            return;
        }
        quit(core, worker);
        core->usable--;
    }
}

/* If no worker will ever run the ready tasks, they end with an error, not in silence. */
static void
end_hopeless(struct core *core)
{
    if (core->usable > 0 || (core->ready_count == 0 && !core_describe_waits(core))) {
        core->stuck_since = 0;
        return;
    }
    if (core->start_failures >= CORE_START_FAILURES) {
        core_fail_ready(core, LODE_ECRASHED, "no worker can be started: see the scheduler's log");
        core_describe_fail_all(core, LODE_ECRASHED, "no worker can be started");
        return;
    }
    if (core->processes < core->options.worker_max || core->starting > 0) {
        core->stuck_since = 0;
        return;
    }
    if (core->stuck_since == 0) {
        core->stuck_since = core->now;
    }
    if (core->now - core->stuck_since >= CORE_STUCK_NS) {
        core_fail_ready(core, LODE_ELIMIT,
                        "every worker that may be started waits for something: nest tasks less "
                        "deeply");
        core_describe_fail_all(core, LODE_ELIMIT, "every worker is blocked");
        core->stuck_since = 0;
        return;
    }
    sooner(&core->pool_deadline, core->stuck_since + CORE_STUCK_NS);
}

/* The common case: nothing is ready, or it has no room. */
static bool
nothing_to_adjust(const struct core *core)
{
    bool busy = core->ready_count == 0 ||
                (core->usable > 0 &&
                 !core_resources_fit(core->total, core->used, first_ready(core)->needs));
    return busy && !core->pool_changed && !core_describe_waits(core);
}

void
core_workers_adjust(struct core *core)
{
    if (nothing_to_adjust(core)) {
        return;
    }
    if (core->pool_changed) {
        count_pool(core);
    }
    start_missing(core);
    end_hopeless(core);
    if (core->usable > core->options.prestart) {
        end_spare(core);
    }
}
