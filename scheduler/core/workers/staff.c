#include "scheduler/core/workers/staff.h"

#include "scheduler/core/state/actions.h"
#include "scheduler/core/libraries/loads.h"
#include "scheduler/core/programs/turns.h"
#include "scheduler/core/state/sessions.h"
#include "scheduler/core/state/workers.h"
#include "scheduler/core/workers/relief.h"
#include "scheduler/core/workers/starts.h"
#include "scheduler/core/workers/stopping.h"

#include <stdlib.h>

/* ---- starting ------------------------------------------------------------------------------- */

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
        core_start_lacks_memory(core);
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
 * they were told to, or whose task does not end by far. Tells stale ones to end.
 */
static void
count_pool(struct core *core)
{
    core->pool_changed = false;
    core->pool_deadline = core->orphans_at;
    core->usable = 0;
    struct core_worker *worker;
    TAILQ_FOREACH(worker, &core->all, all_link)
    {
        int64_t stop_at = core_worker_stop_forced(core, worker);
        core->usable += worker->state == CORE_WORKER_UP && !worker->blocked && !worker->stale;
        if (worker->stale && worker->state == CORE_WORKER_UP && worker->count == 0 &&
            worker->describing == NULL) {
            quit(core, worker);
        }
        if (worker->describing != NULL && worker->state == CORE_WORKER_UP) {
            int64_t late = worker->describing->since + core->options.load_s * INT64_C(1000000000);
            if (core->now >= late) {
                core_describe_hangs(core, worker);
            } else {
                sooner(&core->pool_deadline, late);
            }
        }
        if (stop_at != 0) {
            sooner(&core->pool_deadline, stop_at);
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

/* How many tasks of the program could run beside what is in use, if there were workers for them. */
static uint32_t
tasks_of(const struct core *core, const struct core_program *program, struct core_resources *used)
{
    uint32_t most = core_program_more_workers(core, program);
    struct core_resources needs = core_turns_first(program)->needs;
    uint32_t times = (uint32_t)core_resources_times(core->total, *used, needs,
                                                    most < program->ready ? most : program->ready);
    used->cpus += times * needs.cpus;
    return times;
}

/*
 * How many more tasks could run at this moment if there were workers for them. Looked at are the
 * programs whose turn comes next.
 */
static __attribute__((noinline)) uint32_t
count_without_worker(const struct core *core)
{
    struct core_resources used = core->used;
    uint32_t more = 0, looked_at = 0;
    const struct core_program *program;
    TAILQ_FOREACH(program, &core->programs, link)
    {
        more += tasks_of(core, program, &used);
        if (++looked_at == CORE_PROGRAM_LOOKS) {
            break;
        }
    }
    return more;
}

/* As a rule nothing is counted. */
static inline uint32_t
tasks_without_worker(const struct core *core)
{
    bool none = core->ready_count == 0 || !TAILQ_EMPTY(&core->idle) || core_is_full(core);
    return none ? 0 : count_without_worker(core);
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
    while (core->usable + core->starting < want && core->processes < CORE_WORKER_MAX) {
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

static __attribute__((noinline)) void
adjust(struct core *core)
{
    if (core->pool_changed) {
        count_pool(core);
    }
    start_missing(core);
    int64_t look_again = core_relieve(core);
    if (look_again != 0) {
        sooner(&core->pool_deadline, look_again);
    }
    if (core->usable > core->options.prestart) {
        end_spare(core);
    }
}

/* The common case: nothing is ready that may have a worker, or it has no room. */
static inline bool
nothing_to_adjust(const struct core *core)
{
    return !core->pool_changed && (TAILQ_EMPTY(&core->loads) || !core_describe_waits(core)) &&
           tasks_without_worker(core) == 0;
}

void
core_workers_adjust(struct core *core)
{
    if (!nothing_to_adjust(core)) {
        adjust(core);
    }
}
