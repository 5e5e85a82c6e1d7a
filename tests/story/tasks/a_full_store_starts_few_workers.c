/*
 * Tasks whose results find no room in the store wait, and give their CPU back. Only so many of them
 * have workers: then one more starts for each second in which none ends. Once the program has made
 * room, all results come.
 */
#include "tests/support/cluster.h"
#include "tests/support/story.h"

enum { CPUS = 1, WAIT_MOST = 4 * CPUS + 64, TASKS = 300, BYTES = 1000 };

static lode_id results[TASKS];

/* Until so many tasks have workers, or more. Gives how many. */
static uint64_t
await_running(lode *db, uint64_t tasks)
{
    lode_scheduler_stats stats;
    int64_t end = now_ms() + bound_ms(25000);
    do {
        must(lode_get_scheduler_stats(db, &stats));
        if (now_ms() > end) {
            give_up("%d tasks have workers", (int)stats.tasks_running);
        }
    } while (stats.tasks_running < tasks);
    return stats.tasks_running;
}

/* Three more take two whole seconds at least. */
static void
few_of_them_have_workers(lode *db)
{
    uint64_t first = await_running(db, WAIT_MOST);
    int64_t start = now_ms();
    (void)await_running(db, first + 3);
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
