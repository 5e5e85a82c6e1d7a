/*
 * In a task, one call after another for memory, a map, a file, a socket or a thread fails, in what
 * the function calls and in the commit of its results. What the function calls gives an error and
 * works when it is called again, and nothing leaks; the results appear all, from this attempt or
 * the next, or not at all; the next task runs.
 */
#include "tests/starve/starve.h"
#include "tests/support/cluster.h"
#include "tests/support/story.h"

#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

enum { RESULTS = 5, RESULT_MS = 20000, A_FEW = 4, REPEATS = 12 };

static long failures, errors;

static char mark[128];

/* Nothing fails any more in the worker. Gives how many more of liblode's blocks it has since. */
static int64_t
rest(lode *db)
{
    lode_id more;
    int64_t count;
    must(lode_call(db, "starving.rest", LODE_NO_ARGS, NULL, &more));
    must(lode_get_i64(db, more, RESULT_MS, &count));
    lode_drop(db, more);
    return count;
}

/* All of them, or an error for each. Returns which. */
static lode_err
get_results(lode *db, const lode_id ids[RESULTS], int64_t *first_out)
{
    lode_err first = lode_get_i64(db, ids[0], RESULT_MS, first_out);
    for (int i = 1; i < RESULTS; i++) {
        lode_view view;
        lode_err err = lode_get(db, ids[i], 0, &view);
        expect_eq(err, first);
        if (err == LODE_OK) {
            lode_release(&view);
        }
    }
    for (int i = 0; i < RESULTS; i++) {
        lode_drop(db, ids[i]);
    }
    return first;
}

static bool
starve(lode *db, lode_id array, const char *function, int kind, long n, long count, int64_t *left)
{
    lode_id ids[RESULTS];
    int64_t first = 0;
    unlink(mark);
    printf("%s: %s %ld, %ld times\n", function, starve_kinds[kind], n, count);
    fflush(stdout);
    must(lode_call(
        db, function,
        LODE_ARGS(lode_i64(kind), lode_i64(n), lode_i64(count), lode_str("text"), lode_ref(array)),
        NULL, ids));
    lode_err err = get_results(db, ids, &first);
    *left += rest(db);
    bool failed = access(mark, F_OK) == 0;
    if (!failed) {
        must(err);
    }
    failures += failed;
    errors += err != LODE_OK;
    return failed;
}

/*
 * The same failure again and again: what it leaves in the worker would be a block each time. What a
 * worker sets up once is fewer blocks than that.
 */
static bool
starve_again(lode *db, lode_id array, const char *function, int kind, long n, long count)
{
    int64_t left = 0;
    bool failed = false;
    for (int i = 0; i < REPEATS; i++) {
        failed = starve(db, array, function, kind, n, count, &left);
    }
    expect_lt(left, REPEATS);
    return failed;
}

static void
starve_function(lode *db, lode_id array, const char *function)
{
    const long counts[] = {1, A_FEW};
    long before = failures;
    for (int kind = 0; starve_kinds[kind] != NULL; kind++) {
        for (int i = 0; i < 2; i++) {
            long n = 1;
            while (starve_again(db, array, function, kind, n, counts[i])) {
                n++;
            }
        }
    }
    expect_lt(before, failures); /* else nothing was refused, and nothing is shown */
}

static void
story(int argc, char **argv)
{
    (void)argc, (void)argv;
    lode_id id;
    const double numbers[] = {1, 2};
    const lode_array array = {.dtype = LODE_F64, .ndim = 1, .shape = {2}};
    snprintf(mark, sizeof mark, "%s/mark", story_files());
    setenv("STARVE_MARK", mark, 1);
    setenv("LD_PRELOAD", story_tasks("starve"), 1);
    pid_t supervisor = cluster_start(1, 64 << 20);
    unsetenv("LD_PRELOAD");
    lode *db = cluster_open();
    must(lode_load(db, story_tasks("starving")));
    must(lode_put_array(db, &array, numbers, 0, &id));
    starve_function(db, id, "starving.calls");
    starve_function(db, id, "starving.commit");
    printf("%ld failures, of which %ld were errors of the task\n", failures, errors);
    lode_close(db);
    cluster_stop(supervisor);
}

int
main(int argc, char **argv)
{
    return story_run(argc, argv, 60, story);
}
