/*
 * A task that returns without ending its references, views and drafts, or half-way through a
 * result, leaves nothing in the store; what its child needs, or a name holds, stays.
 */
#include "tests/support/cluster.h"
#include "tests/support/story.h"

#include <stdio.h>

enum { ROUNDS = 50 };

static void
expect_done(lode *db, const char *function, lode_args args, lode_err want)
{
    lode_id done;
    lode_view view;
    must(lode_call(db, function, args, NULL, &done));
    fails(lode_get(db, done, LODE_FOREVER, &view), want);
    if (want == LODE_OK) {
        lode_release(&view);
    }
    lode_drop(db, done);
}

static void
references_views_and_drafts(lode *db)
{
    lode_id x;
    lode_object_info info;
    must(lode_put(db, "argument", 8, 0, &x));
    for (int i = 0; i < ROUNDS; i++) {
        expect_done(db, "leave.everything", LODE_ARGS(lode_ref(x)), LODE_OK);
        expect_done(db, "leave.everything_and_fail", LODE_ARGS(lode_ref(x)), LODE_ETASK);
        expect_done(db, "leave.half", LODE_NO_ARGS, LODE_ETASK);
    }
    await_stat(db, objects, 1);
    await_stat(db, unsealed_objects, 0);
    do {
        must(lode_stat(db, x, &info));
    } while (info.references != 1 || info.pins != 0); /* ours alone, once the ends are through */
    lode_drop(db, x);
    await_stat(db, objects, 0);
}

static void
what_a_child_needs_stays(lode *db)
{
    lode_scheduler_stats stats;
    do { /* a result is there before its task is counted */
        must(lode_get_scheduler_stats(db, &stats));
    } while (stats.tasks_waiting + stats.tasks_ready + stats.tasks_running > 0);
    uint64_t failed = stats.failed, finished = stats.finished;
    for (int i = 0; i < ROUNDS; i++) {
        expect_done(db, "leave.orphan", LODE_NO_ARGS, LODE_OK);
    }
    do {
        must(lode_get_scheduler_stats(db, &stats));
    } while (stats.finished + stats.failed < finished + failed + 2 * ROUNDS);
    expect_eq(stats.failed, failed); /* each child found its argument */
    await_stat(db, objects, 0);
}

static void
what_a_name_holds_stays(lode *db)
{
    lode_view view;
    expect_done(db, "leave.name", LODE_NO_ARGS, LODE_OK);
    must(lode_name_get(db, NULL, "left-behind", 0, &view));
    expect_eq(view.size, 4);
    lode_release(&view);
    must(lode_name_remove(db, NULL, "left-behind"));
    await_stat(db, objects, 0);
}

static void
a_wait_set_ends_with_its_task(lode *db)
{
    char files[32];
    snprintf(files, sizeof files, "/proc/%d/fd", (int)story_process("lode-worker"));
    expect_done(db, "leave.wait_set", LODE_NO_ARGS, LODE_OK);
    int open = story_count_files(files);
    for (int i = 0; i < ROUNDS; i++) {
        expect_done(db, "leave.wait_set", LODE_NO_ARGS, LODE_OK);
    }
    expect_lt(story_count_files(files), open + ROUNDS); /* two a set */
    await_stat(db, objects, 0);
}

static void
story(int argc, char **argv)
{
    (void)argc, (void)argv;
    pid_t supervisor = cluster_start(1, 64 << 20);
    lode *db = cluster_open_with("play");
    must(lode_load(db, story_tasks("leave")));
    references_views_and_drafts(db);
    what_a_child_needs_stays(db);
    what_a_name_holds_stays(db);
    a_wait_set_ends_with_its_task(db);
    lode_close(db);
    cluster_stop(supervisor);
}

int
main(int argc, char **argv)
{
    return story_run(argc, argv, 20, story);
}
