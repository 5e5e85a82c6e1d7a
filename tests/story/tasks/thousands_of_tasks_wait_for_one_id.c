/*
 * As many tasks as anybody likes wait for one object, or each for one of its own: no limit that the
 * store sets to its clients strikes the scheduler. When the objects come, all of them run.
 * ctest: ci 100000
 */
#include "tests/support/cluster.h"
#include "tests/support/story.h"

#include <stdlib.h>

enum { TASKS = 9000 }; /* one client's waits for one id are limited to 8,192 */

static void
put_number(lode *db, lode_id id, int64_t number)
{
    lode_create_options options = {.struct_size = sizeof options, .id = id};
    must(lode_put_with(db, &number, sizeof number, &options, LODE_FOREVER, NULL));
}

/* `ids` of them are waited for in turn. */
static void
all_run(lode *db, long tasks, long ids)
{
    lode_id *want = calloc((size_t)ids, sizeof *want);
    lode_id *result = calloc((size_t)tasks, sizeof *result);
    lode_scheduler_stats stats;
    must(lode_reserve(db, (size_t)ids, want));
    for (long i = 0; i < tasks; i++) {
        lode_args args = LODE_ARGS(lode_ref(want[i % ids]));
        must(lode_call(db, "play.first_word", args, NULL, &result[i]));
    }
    must(lode_get_scheduler_stats(db, &stats));
    expect_eq(stats.tasks_waiting, (uint64_t)tasks);
    for (long i = 0; i < ids; i++) {
        put_number(db, want[i], i);
    }
    for (long i = 0; i < tasks; i++) {
        int64_t number;
        must(lode_get_i64(db, result[i], LODE_FOREVER, &number));
        expect_eq(number, i % ids);
        lode_drop(db, result[i]);
    }
    for (long i = 0; i < ids; i++) {
        lode_drop(db, want[i]);
    }
    free(want);
    free(result);
}

static void
story(int argc, char **argv)
{
    long tasks = argc > 1 ? atol(argv[1]) : TASKS;
    pid_t cluster = cluster_start(2, 64 << 20);
    lode *db = cluster_open_with("play");
    all_run(db, tasks, 1);
    all_run(db, tasks, tasks);
    lode_close(db);
    cluster_stop(cluster);
}

int
main(int argc, char **argv)
{
    return story_run(argc, argv, 60, story);
}
