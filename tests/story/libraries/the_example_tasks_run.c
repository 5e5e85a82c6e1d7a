/* The task library of api/examples does what its comments say. */
#include "tests/support/cluster.h"
#include "tests/support/story.h"

#include <stdio.h>
#include <stdlib.h>

static void
story(int argc, char **argv)
{
    (void)argc, (void)argv;
    static const double data[5] = {3, -1, 4, -1.5, 9};
    lode_array array = {.dtype = LODE_F64, .ndim = 1, .shape = {5}};
    lode_array empty = {.dtype = LODE_F64, .ndim = 1, .shape = {0}};
    lode_id x, none, one, ends[2];
    lode_failure_info failure;
    lode_view view;
    int64_t value;
    double low, high;
    char path[4096];
    const char *libraries = getenv("LODE_TEST_LIB");
    snprintf(path, sizeof path, "%s/../examples/libtasks.so",
             libraries != NULL ? libraries : "../lib");
    pid_t supervisor = cluster_start(1, 32 << 20);
    lode *db = cluster_open();
    must(lode_load(db, path));
    must(lode_call(db, "tasks.increment", LODE_ARGS(lode_i64(41)), NULL, &one));
    must(lode_get_i64(db, one, LODE_FOREVER, &value));
    expect_eq(value, 42);
    must(lode_put_array(db, &array, data, 0, &x));
    must(lode_put_array(db, &empty, data, 0, &none));
    must(lode_call(db, "tasks.extrema", LODE_ARGS(lode_ref(x)), NULL, ends));
    must(lode_get_f64(db, ends[0], LODE_FOREVER, &low));
    must(lode_get_f64(db, ends[1], LODE_FOREVER, &high));
    expect(low == -1.5 && high == 9);
    lode_drop(db, one);
    lode_drop(db, ends[0]);
    lode_drop(db, ends[1]);
    must(lode_call(db, "tasks.extrema", LODE_ARGS(lode_ref(none)), NULL, ends));
    fails(lode_get(db, ends[1], LODE_FOREVER, &view), LODE_ETASK); /* each result is the error */
    must(lode_failure(db, ends[0], &failure));
    expect_text(failure.message, "extrema of an empty array");
    expect_eq(failure.task_code, LODE_EINVAL);
    lode_close(db);
    cluster_stop(supervisor);
}

int
main(int argc, char **argv)
{
    return story_run(argc, argv, 20, story);
}
