/*
 * The user's code can write anything into the page that its worker shares with the scheduler. A
 * program that closes waits for the output that such a worker claims to have sent for a second. No
 * later one does, and what the worker prints still arrives.
 */
#include "tests/support/cluster.h"
#include "tests/support/story.h"

enum { CLOSES = 10, WAIT_MS = 1000 };

static void
call(lode *db, const char *function, lode_args args)
{
    lode_id id;
    int64_t pid = 0;
    must(lode_call(db, function, args, NULL, &id));
    must(lode_get_i64(db, id, LODE_FOREVER, &pid));
    lode_drop(db, id);
}

static void
story(int argc, char **argv)
{
    (void)argc, (void)argv;
    pid_t supervisor = cluster_start(1, 32 << 20);
    lode *db = cluster_open_with("print");
    call(db, "print.keep_lock", LODE_NO_ARGS);
    call(db, "print.count_too_many", LODE_NO_ARGS);
    lode_close(db);
    int late = 0;
    for (int i = 0; i < CLOSES; i++) {
        db = cluster_open();
        call(db, "print.whole", LODE_ARGS(lode_str("said")));
        int64_t begun = now_ms();
        lode_close(db);
        late += now_ms() - begun >= WAIT_MS;
    }
    expect_lt(late, CLOSES / 2); /* a busy machine may be the reason now and then */
    cluster_stop(supervisor);
}

int
main(int argc, char **argv)
{
    return story_run(argc, argv, 20, story);
}
