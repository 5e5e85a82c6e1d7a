/*
 * Tasks whose results find no room in the store wait, and give their CPU back. Only so many of them
 * have workers: then one more starts for each second in which none ends. Once the program has made
 * room, all results come.
 */
#include "tests/support/cluster.h"
#include "tests/support/story.h"

enum { CPUS = 1, WAIT_MOST = 4 * CPUS + 64, TASKS = 300, BYTES = 1000 };

static lode_id results[TASKS];

/* Until so many tasks have workers, or more. Gives how many, and when that was asked. */
static uint64_t
await_running(lode *db, uint64_t tasks, int64_t *asked_ms_out)
{
    lode_scheduler_stats stats;
    do { /* on a busy machine so many processes take their time to start */
        *asked_ms_out = now_ms();
        must(lode_get_scheduler_stats(db, &stats));
    } while (stats.tasks_running < tasks);
    return stats.tasks_running;
}

/* Three more take two whole seconds at least: the first may come just behind the answer. */
static void
few_of_them_have_workers(lode *db)
{
    int64_t start, last;
    uint64_t first = await_running(db, WAIT_MOST, &start);
    (void)await_running(db, first + 3, &last);
    expect_le(2000, now_ms() - start);
}

static void
all_results_come(lode *db)
{
    store_make_room(db);
    for (int i = 0; i < TASKS; i++) {
        lode_view view;
        must(lode_get(db, results[i], bound_ms(20000), &view));
        expect_eq(view.size, BYTES);
        lode_release(&view);
        lode_drop(db, results[i]);
    }
}

static void
story(int argc, char **argv)
{
    (void)argc, (void)argv;
    pid_t supervisor = cluster_start(CPUS, 16 << 20);
    lode *db = cluster_open_with("room");
    store_fill(db);
    for (int i = 0; i < TASKS; i++) {
        must(lode_call(db, "room.bytes", LODE_NO_ARGS, NULL, &results[i]));
    }
    few_of_them_have_workers(db);
    all_results_come(db);
    lode_close(db);
    cluster_stop(supervisor);
}

int
main(int argc, char **argv)
{
    return story_run(argc, argv, 60, story);
}
