/*
 * One worker has two tasks, and the first one ends. The scheduler hears of it at once, although the
 * second one, which as a rule is as short, runs on and on.
 */
#include "tests/support/cluster.h"
#include "tests/support/story.h"

#include <unistd.h>

enum { SHORT_ONES = 100 };

static char runs[256], go[256];

static lode_id
call_until(lode *db)
{
    lode_id id;
    must(lode_call(db, "hold.until", LODE_ARGS(lode_str(runs), lode_str(go)), NULL, &id));
    return id;
}

static void
await_finished(lode *db, uint64_t want)
{
    lode_scheduler_stats stats;
    int64_t end = now_ms() + bound_ms(5000);
    do {
        must(lode_get_scheduler_stats(db, &stats));
        if (stats.finished >= want) {
            return;
        }
    } while (now_ms() < end);
    give_up("%llu tasks have finished, want %llu", (unsigned long long)stats.finished,
            (unsigned long long)want);
}

static void
story(int argc, char **argv)
{
    (void)argc, (void)argv;
    char bytes[SHORT_ONES] = "";
    lode_id id[SHORT_ONES], last;
    int64_t attempt;
    int runs_fd = story_fifo(runs, sizeof runs, "runs"), go_fd = story_fifo(go, sizeof go, "go");
    pid_t supervisor = cluster_start(1, 32 << 20);
    lode *db = cluster_open_with("hold");
    expect_eq(write(go_fd, bytes, SHORT_ONES), SHORT_ONES);
    for (int i = 0; i < SHORT_ONES; i++) {
        id[i] = call_until(db);
    }
    must(lode_wait(db, id, SHORT_ONES, SHORT_ONES, LODE_FOREVER, NULL, NULL));
    await_finished(db, SHORT_ONES);
    for (int i = 0; i < SHORT_ONES; i++) {
        expect_eq(read(runs_fd, bytes, 1), 1);
        lode_drop(db, id[i]);
    }
    id[0] = call_until(db);
    last = call_until(db);
    expect_eq(read(runs_fd, bytes, 1), 1); /* the first runs, and the other waits behind it */
    expect_eq(write(go_fd, bytes, 1), 1);
    must(lode_get_i64(db, id[0], LODE_FOREVER, &attempt));
    expect_eq(read(runs_fd, bytes, 1), 1); /* now the other runs */
    await_finished(db, SHORT_ONES + 1);
    expect_eq(write(go_fd, bytes, 1), 1);
    must(lode_get_i64(db, last, LODE_FOREVER, &attempt));
    lode_close(db);
    cluster_stop(supervisor);
    close(runs_fd);
    close(go_fd);
}

int
main(int argc, char **argv)
{
    return story_run(argc, argv, 10, story);
}
