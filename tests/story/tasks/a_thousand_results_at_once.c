/*
 * A function with 1,000 results gives all of them in one step: numbers, more bytes than a record
 * can carry, or, if one is missing or all are, 1,000 times the same failure.
 */
#include "tests/support/cluster.h"
#include "tests/support/story.h"

#include <string.h>

enum { RESULTS = 1000, BLOCK = 100, ROWS = 500 };

static lode_id ids[RESULTS];

static void
drop_all(lode *db)
{
    for (int i = 0; i < RESULTS; i++) {
        lode_drop(db, ids[i]);
    }
    await_stat(db, objects, 0);
}

static void
numbers(lode *db)
{
    int64_t value;
    size_t count;
    must(lode_result_count(db, "wide.numbers", &count));
    expect_eq(count, RESULTS);
    must(lode_call(db, "wide.numbers", LODE_NO_ARGS, NULL, ids));
    must(lode_get_i64(db, ids[RESULTS - 1], LODE_FOREVER, &value));
    for (int i = 0; i < RESULTS; i++) {
        must(lode_get_i64(db, ids[i], 0, &value)); /* all, with the first that is seen */
        expect_eq(value, i);
    }
    drop_all(db);
}

static void
blocks(lode *db)
{
    static lode_view views[RESULTS];
    must(lode_call(db, "wide.blocks", LODE_NO_ARGS, NULL, ids));
    must(lode_get_many(db, ids, RESULTS, LODE_FOREVER, views));
    for (int i = 0; i < RESULTS; i++) {
        expect_eq(views[i].size, BLOCK);
        expect_eq(((const unsigned char *)views[i].data)[BLOCK - 1], i % 256);
        lode_release(&views[i]);
    }
    drop_all(db);
}

/* Each result is the failure of the task, whose sentence has that length or that text. */
static void
all_fail(lode *db, const char *function, size_t length, const char *text)
{
    lode_view view;
    lode_failure_info failure;
    must(lode_call(db, function, LODE_NO_ARGS, NULL, ids));
    fails(lode_get(db, ids[0], LODE_FOREVER, &view), LODE_ETASK);
    for (int i = 0; i < RESULTS; i++) {
        must(lode_failure(db, ids[i], &failure));
        expect_text(failure.message, text);
        expect(length == 0 || strlen(failure.message) == length);
    }
    drop_all(db);
}

static void
one_is_missing(lode *db)
{
    all_fail(db, "wide.all_but_the_last", 0, "result 1000 of 1000");
}

/* A failure with the longest sentence that a task can say, for each result. */
static void
none_is_given(lode *db)
{
    lode_failure_info failure;
    all_fail(db, "wide.none", sizeof failure.message - 1, "");
}

/* They need a page each for a moment: more than the share of a session in so small a store. */
static void
rows_in_a_small_store(void)
{
    pid_t supervisor = cluster_start(1, 16 << 20);
    lode *db = cluster_open_with("wide");
    for (int round = 0; round < 3; round++) {
        lode_view view;
        must(lode_call(db, "wide.rows", LODE_NO_ARGS, NULL, ids));
        for (int i = 0; i < ROWS; i++) {
            must(lode_get(db, ids[i], LODE_FOREVER, &view));
            expect_eq(view.array.ndim, 1);
            expect_eq(*(const unsigned char *)view.data, i % 256);
            lode_release(&view);
            lode_drop(db, ids[i]);
        }
        await_stat(db, objects, 0);
    }
    lode_close(db);
    cluster_stop(supervisor);
}

static void
story(int argc, char **argv)
{
    (void)argc, (void)argv;
    rows_in_a_small_store();
    pid_t supervisor = cluster_start(1, 64 << 20);
    lode *db = cluster_open_with("wide");
    for (int round = 0; round < 5; round++) {
        numbers(db);
        blocks(db);
        one_is_missing(db);
        none_is_given(db);
    }
    lode_close(db);
    cluster_stop(supervisor);
}

int
main(int argc, char **argv)
{
    return story_run(argc, argv, 20, story);
}
