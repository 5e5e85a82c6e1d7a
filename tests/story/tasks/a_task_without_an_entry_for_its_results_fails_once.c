/*
 * The store has as many objects as it can: a task that fails, and one whose argument has failed,
 * fail with what they would have said otherwise, once, and their worker stays. With an argument:
 * one that gives a result fails, too, when its time for room is over.
 *
 * ctest: ci result
 * ctest: timeout 900
 */
#include "tests/support/cluster.h"
#include "tests/support/story.h"

#include <string.h>

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

static lode_failure_info
fails_once(lode *db, lode_id id, int64_t within_ms)
{
    lode_view view;
    lode_failure_info info;
    lode_scheduler_stats stats;
    fails(lode_get(db, id, bound_ms(within_ms), &view), LODE_ETASK);
    must(lode_failure(db, id, &info));
    expect_eq(info.attempt, 1);
    expect(info.may_have_run);
    must(lode_get_scheduler_stats(db, &stats));
    expect_eq(stats.workers_died, 0);
    expect_eq(stats.retried, 0);
    return info;
}

/* A task that fails by itself, and one that is not called because of it. */
struct failures {
    lode_failure_info own, inherited;
    lode_id ids[2];
};

static struct failures
fail_two(lode *db)
{
    lode_id failed, after;
    struct failures told;
    must(lode_call(db, "play.fail", LODE_ARGS(lode_str("deliberately")), NULL, &failed));
    told.own = fails_once(db, failed, 10000);
    must(lode_call(db, "play.increment", LODE_ARGS(lode_ref(failed)), NULL, &after));
    told.inherited = fails_once(db, after, 10000);
    told.ids[0] = failed;
    told.ids[1] = after;
    return told;
}

static void
expect_same(const lode_failure_info *is, const lode_failure_info *want)
{
    expect_eq(is->code, want->code);
    expect_eq(is->task_code, want->task_code);
    expect_text(is->function, want->function);
    expect_eq(strlen(is->function), strlen(want->function));
    expect_text(is->message, want->message);
    expect_eq(strlen(is->message), strlen(want->message));
    expect_eq(is->pid, want->pid);
    expect_eq(is->signal, want->signal);
    expect_eq(is->exit_status, want->exit_status);
    expect_eq(is->attempt, want->attempt);
    expect_eq(is->may_have_run, want->may_have_run);
}

static void
story(int argc, char **argv)
{
    lode_id id;
    (void)argv;
    pid_t supervisor = cluster_start(1, 64 << 20);
    lode *db = cluster_open_with("play");
    struct failures before = fail_two(db);
    expect_eq(before.own.pid, story_process("lode-worker"));
    expect_text(before.inherited.function, "play.fail");
    expect_same(&before.inherited, &before.own);
    lode_drop_many(db, before.ids, 2);
    take_all_entries(db);
    struct failures after = fail_two(db);
    expect_same(&after.own, &before.own);
    expect_same(&after.inherited, &before.inherited);
    if (argc > 1) { /* a drop before would free entries: the result may get one of them */
        must(lode_call(db, "play.increment", LODE_ARGS(lode_i64(1)), NULL, &id));
        lode_failure_info info = fails_once(db, id, 2000 * RESULT_SECONDS);
        expect_text(info.message, "objects are there");
        expect_eq(info.task_code, LODE_ELIMIT);
    }
    lode_drop_many(db, after.ids, 2);
    lode_close(db);
    cluster_stop(supervisor);
}

int
main(int argc, char **argv)
{
    return story_run(argc, argv, 60, story);
}
