/*
 * A task calls a function of a library that no worker has opened, on one CPU: another worker opens
 * the library meanwhile.
 */
#include "tests/support/cluster.h"
#include "tests/support/story.h"

static void
story(int argc, char **argv)
{
    (void)argc, (void)argv;
    lode_id result;
    double sum;
    pid_t supervisor = cluster_start(1, 32 << 20);
    lode *db = cluster_open_with("leave");
    must(lode_call(db, "leave.first_to_call", LODE_NO_ARGS, NULL, &result));
    must(lode_get_f64(db, result, LODE_FOREVER, &sum));
    expect(sum == 7);
    lode_drop(db, result);
    await_stat(db, objects, 0);
    lode_close(db);
    cluster_stop(supervisor);
}

int
main(int argc, char **argv)
{
    return story_run(argc, argv, 10, story);
}
