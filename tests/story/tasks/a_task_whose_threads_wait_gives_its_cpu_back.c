/*
 * On one CPU, a task starts threads that each call another task and wait for it. The task itself
 * waits for the threads: in pthread_join(), for a condition variable, or by looking every
 * millisecond. It sleeps as surely as if it waited itself: its CPU is the other tasks'.
 */
#include "tests/support/cluster.h"
#include "tests/support/story.h"

enum { THREADS = 4 };

static void
waits_for_its_threads(lode *db, const char *how)
{
    lode_id id;
    int64_t sum;
    lode_args args = LODE_ARGS(lode_i64(THREADS), lode_str(how));
    must(lode_call(db, "nest.call_beside", args, NULL, &id));
    must(lode_get_i64(db, id, bound_ms(10000), &sum));
    expect_eq(sum, THREADS);
    lode_drop(db, id);
}

static void
story(int argc, char **argv)
{
    lode_scheduler_stats stats;
    (void)argc, (void)argv;
    pid_t supervisor = cluster_start(1, 32 << 20);
    lode *db = cluster_open_with("nest");
    waits_for_its_threads(db, "join");
    waits_for_its_threads(db, "signal");
    waits_for_its_threads(db, "poll");
    must(lode_get_scheduler_stats(db, &stats));
    expect_eq(stats.workers_died, 0);
    lode_close(db);
    cluster_stop(supervisor);
}

int
main(int argc, char **argv)
{
    return story_run(argc, argv, 30, story);
}
