/*
 * A program waits for the results of a thousand tasks at once, in one lode_wait(). The store
 * watches them as one range. Failures count as results do. What a program that has ended submitted
 * is awaited by another in the same way: it comes, or will never.
 */
#include "tests/support/cluster.h"
#include "tests/support/story.h"

#include <string.h>

enum { TASKS = 1000, HANG_MS = 100000 };

static lode_id ids[TASKS];

/* Each fourth task fails. */
static void
submit(lode *db)
{
    for (int64_t i = 0; i < TASKS; i++) {
        if (i % 4 == 3) {
            must(lode_call(db, "play.fail", LODE_ARGS(lode_str("as it should")), NULL, &ids[i]));
        } else {
            must(lode_call(db, "play.increment", LODE_ARGS(lode_i64(i)), NULL, &ids[i]));
        }
    }
}

static void
results_and_failures_count(lode *db)
{
    static bool ready[TASKS];
    int64_t value;
    size_t count = 0;
    submit(db);
    must(lode_wait(db, ids, TASKS, TASKS, HANG_MS, ready, &count));
    expect_eq(count, TASKS);
    for (int64_t i = 0; i < TASKS; i++) {
        expect(ready[i]);
        if (i % 4 == 3) {
            fails(lode_get_i64(db, ids[i], 0, &value), LODE_ETASK);
        } else {
            must(lode_get_i64(db, ids[i], 0, &value));
            expect_eq(value, i + 1);
        }
        lode_drop(db, ids[i]);
    }
    await_stat(db, objects, 0);
}

/* One after the other, as they come: the row becomes shorter, and has holes. */
static void
they_are_taken_as_they_come(lode *db)
{
    static bool ready[TASKS];
    submit(db);
    for (size_t left = TASKS; left > 0;) {
        must(lode_wait(db, ids, left, 1, HANG_MS, ready, NULL));
        size_t kept = 0;
        for (size_t i = 0; i < left; i++) {
            if (ready[i]) {
                lode_drop(db, ids[i]);
            } else {
                ids[kept++] = ids[i];
            }
        }
        expect(kept < left);
        left = kept;
    }
    await_stat(db, objects, 0);
}

static void
those_of_a_program_that_ends_come_or_never_do(lode *db)
{
    lode *other = cluster_open_with("play");
    submit(other);
    must(lode_wait(db, ids, TASKS, 1, HANG_MS, NULL, NULL));
    lode_close(other);
    must(lode_wait(db, ids, TASKS, TASKS, HANG_MS, NULL, NULL));
    await_stat(db, objects, 0);
}

static void
story(int argc, char **argv)
{
    (void)argc, (void)argv;
    pid_t supervisor = cluster_start(2, 64 << 20);
    lode *db = cluster_open_with("play");
    results_and_failures_count(db);
    they_are_taken_as_they_come(db);
    those_of_a_program_that_ends_come_or_never_do(db);
    lode_close(db);
    cluster_stop(supervisor);
}

int
main(int argc, char **argv)
{
    return story_run(argc, argv, 60, story);
}
