/*
 * On one CPU a task sleeps for room in the store: in a create, in a small put, or as its result is
 * committed. Another task runs meanwhile, and it may be the one that makes the room.
 * With an argument: no room comes, and the result's task fails in its time.
 *
 * ctest: ci no-room
 */
#include "tests/support/cluster.h"
#include "tests/support/story.h"

enum { RESULT_SECONDS = 30 };

/* Calls a function that sleeps for room, and sees that another one runs behind it. */
static lode_id
another_runs_beside(lode *db, const char *function)
{
    lode_id sleeper, id;
    int64_t value;
    must(lode_call(db, function, LODE_NO_ARGS, NULL, &sleeper));
    must(lode_call(db, "room.one", LODE_NO_ARGS, NULL, &id));
    must(lode_get_i64(db, id, bound_ms(5000), &value));
    lode_drop(db, id);
    fails(lode_get_i64(db, sleeper, 0, &value), LODE_ETIMEDOUT);
    return sleeper;
}

static void
goes_on_when_room_comes(lode *db, const char *function)
{
    lode_view view;
    store_fill(db);
    lode_id id = another_runs_beside(db, function);
    store_make_room(db);
    must(lode_get(db, id, bound_ms(10000), &view));
    lode_release(&view);
    lode_drop(db, id);
}

static void
fails_when_no_room_comes(lode *db, const char *function)
{
    lode_view view;
    lode_failure_info info;
    store_fill(db);
    int64_t start = now_ms();
    lode_id id = another_runs_beside(db, function);
    fails(lode_get(db, id, bound_ms(2000 * RESULT_SECONDS), &view), LODE_ETASK);
    expect_text(lode_last_error(), "full"); /* also where the store keeps the error without texts */
    expect_le((RESULT_SECONDS - 1) * 1000, now_ms() - start);
    must(lode_failure(db, id, &info));
    expect_eq(info.task_code, LODE_EFULL);
    lode_drop(db, id);
    store_make_room(db);
}

/* A cluster for each: a worker that an earlier one left would give its credit back any time. */
static void
in_a_cluster(void (*what)(lode *db, const char *function), const char *function)
{
    pid_t supervisor = cluster_start(1, 16 << 20);
    lode *db = cluster_open_with("room");
    what(db, function);
    lode_close(db);
    cluster_stop(supervisor);
}

static void
story(int argc, char **argv)
{
    (void)argv;
    if (argc > 1) {
        in_a_cluster(fails_when_no_room_comes, "room.result");
        return;
    }
    in_a_cluster(goes_on_when_room_comes, "room.create");
    in_a_cluster(goes_on_when_room_comes, "room.put");
    in_a_cluster(goes_on_when_room_comes, "room.result");
}

int
main(int argc, char **argv)
{
    return story_run(argc, argv, 60, story);
}
