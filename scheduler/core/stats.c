#include "scheduler/core/stats.h"

#include "scheduler/core/state/state.h"

static uint64_t
count_running(const struct core *core)
{
    uint64_t running = 0;
    const struct core_worker *worker;
    TAILQ_FOREACH(worker, &core->all, all_link)
    {
        running += worker->count > 0;
    }
    return running;
}

void
core_get_stats(const struct core *core, int64_t now_ns, lode_scheduler_stats *stats_out)
{
    *stats_out = core->stats;
    stats_out->cpus_total = core->total.cpus;
    stats_out->cpus_used = core->used.cpus;
    stats_out->sessions = HASH_CNT(by_number, core->sessions);
    stats_out->workers = core->processes;
    stats_out->workers_idle = 0;
    const struct core_worker *worker;
    TAILQ_FOREACH(worker, &core->idle, link)
    {
        stats_out->workers_idle++;
    }
    uint64_t running = count_running(core);
    uint64_t live = core->task_pool.count;
    stats_out->tasks_waiting = core->waiting_count;
    stats_out->tasks_running = running;
    stats_out->tasks_ready = live - core->waiting_count - running;
    stats_out->uptime_ns = (uint64_t)(now_ns - core->started_ns);
    stats_out->scheduler_pid = core->options.pid;
}
