/*
 * A task that waits for a task that waits for a task, a hundred levels deep, or a thousand: each
 * level holds a worker, and the default of --max-workers has room for them. Afterwards a tree of
 * fib(16) runs in the same cluster: 3,193 tasks, the deepest first. It finds the workers of the
 * chain, but for those that have been idle for two seconds meanwhile and ended. In their place it
 * starts no more than it may block: its depth times the CPUs. It may start as many again for each
 * two seconds that it runs, since these may end, too.
 *
 * ctest: ci 1000
 * ctest: timeout 660
 */
#include "tests/support/cluster.h"
#include "tests/support/story.h"

#include <stdlib.h>

enum { CPUS = 2, LEVELS = 100, FIB = 16, FIB_OF_IT = 987, IDLE_MS = 2000 };

static int64_t
result_of(lode *db, const char *function, int64_t argument)
{
    lode_id id;
    int64_t value;
    must(lode_call(db, function, LODE_ARGS(lode_i64(argument)), NULL, &id));
    must(lode_get_i64(db, id, LODE_FOREVER, &value));
    lode_drop(db, id);
    return value;
}

static void
story(int argc, char **argv)
{
    lode_scheduler_stats stats;
    int levels = argc > 1 ? atoi(argv[1]) : LEVELS;
    pid_t supervisor = cluster_start(CPUS, 64 << 20);
    lode *db = cluster_open_with("nest");
    expect_eq(result_of(db, "nest.chain", levels - 1), levels);
    must(lode_get_scheduler_stats(db, &stats));
    expect_le(levels, (int64_t)stats.workers_started);
    expect_eq(stats.workers_died, 0);
    expect_eq(stats.failed, 0);
    int64_t began = now_ms();
    expect_eq(result_of(db, "nest.fib", FIB), FIB_OF_IT);
    must(lode_get_scheduler_stats(db, &stats));
    int64_t ended = (int64_t)(stats.workers_started - stats.workers);
    int64_t most = FIB * CPUS * (1 + (now_ms() - began) / IDLE_MS);
    int64_t again = ended < most ? ended : most;
    expect_le((int64_t)stats.workers_started, levels + 2 * CPUS + again);
    lode_close(db);
    cluster_stop(supervisor);
}

int
main(int argc, char **argv)
{
    return story_run(argc, argv, 60, story);
}
