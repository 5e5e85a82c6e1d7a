/*
 * The store has as many objects as it can: a task that fails, fails with its own words, once, and
 * its worker stays. With an argument: one that gives a result fails, too, when its time for room is
 * over.
 *
 * ctest: ci result
 * ctest: timeout 900
 */
#include "tests/support/cluster.h"
#include "tests/support/story.h"

enum { RESULT_SECONDS = 30 };

static void
take_all_entries(lode *db)
{
    lode_id id;
    lode_err err;
    do {
        err = lode_put(db, "x", 1, 0, &id);
    } while (err == LODE_OK);
    expect_eq(err, LODE_ELIMIT);
}

static void
fails_once(lode *db, lode_id id, int64_t within_ms, lode_err code, const char *words)
{
    lode_view view;
    lode_failure_info info;
    lode_scheduler_stats stats;
    fails(lode_get(db, id, bound_ms(within_ms), &view), LODE_ETASK);
    must(lode_failure(db, id, &info));
    expect_text(info.message, words);
    expect_eq(info.task_code, code);
    expect(info.pid > 0);
    expect_eq(info.signal, 0);
    expect_eq(info.attempt, 1);
    expect(info.may_have_run);
    must(lode_get_scheduler_stats(db, &stats));
    expect_eq(stats.workers_died, 0);
    expect_eq(stats.retried, 0);
}

static void
story(int argc, char **argv)
{
    lode_id id;
    (void)argv;
    pid_t supervisor = cluster_start(1, 64 << 20);
    lode *db = cluster_open_with("play");
    take_all_entries(db);
    must(lode_call(db, "play.fail", LODE_ARGS(lode_str("deliberately")), NULL, &id));
    fails_once(db, id, 10000, LODE_EINVAL, "deliberately");
    lode_drop(db, id);
    if (argc > 1) {
        must(lode_call(db, "play.increment", LODE_ARGS(lode_i64(1)), NULL, &id));
        fails_once(db, id, 2000 * RESULT_SECONDS, LODE_ELIMIT, "objects are there");
    }
    lode_close(db);
    cluster_stop(supervisor);
}

int
main(int argc, char **argv)
{
    return story_run(argc, argv, 60, story);
}
