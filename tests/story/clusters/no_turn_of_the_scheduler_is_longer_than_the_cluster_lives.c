/*
 * The longest turn of a scheduler is no longer than the scheduler has run, and the time in which
 * nobody wants anything of it is no part of a turn.
 */
#include "tests/support/cluster.h"
#include "tests/support/story.h"

enum { IDLE_MS = 1500 };

static int64_t
longest_turn_ms(lode *db)
{
    lode_scheduler_stats stats;
    must(lode_get_scheduler_stats(db, &stats));
    return (int64_t)(stats.longest_turn_ns / 1000000);
}

/* The store alone is asked, and for something that never comes. */
static void
leave_the_scheduler_alone(lode *db)
{
    lode_id id;
    lode_view view;
    must(lode_reserve(db, 1, &id));
    fails(lode_get(db, id, IDLE_MS, &view), LODE_ETIMEDOUT);
}

static void
story(int argc, char **argv)
{
    (void)argc, (void)argv;
    int64_t began = now_ms();
    pid_t supervisor = cluster_start(1, 16 << 20);
    lode *first = cluster_open();
    expect_lt(longest_turn_ms(first), now_ms() - began);

    leave_the_scheduler_alone(first);
    lode *second = cluster_open();
    expect_lt(longest_turn_ms(second), IDLE_MS);
    lode_close(second);
    lode_close(first);
    cluster_stop(supervisor);
}

int
main(int argc, char **argv)
{
    return story_run(argc, argv, 20, story);
}
