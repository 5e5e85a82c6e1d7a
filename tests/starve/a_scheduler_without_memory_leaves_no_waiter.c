/*
 * A task's worker crashes, and the scheduler, which is to ask the store about its results and to
 * put an error in their place, is refused memory once, each time one call later. Whether it ends or
 * goes on: the program that waits for the result without a timeout is told.
 *
 * ctest: timeout 310
 */
#include "tests/starve/refuse.h"
#include "tests/starve/starve.h"
#include "tests/support/cluster.h"
#include "tests/support/story.h"

#include <stdio.h>

enum { RESULT_MS = 10000, REFUSALS_AT_LEAST = 5 };

/* Returns whether the scheduler was refused memory. */
static bool
wait_for_result(long n)
{
    struct refusal refusal = {"lode-scheduler", "malloc", n, 1, true};
    const lode_call_options once = {.struct_size = sizeof once, .max_retries = LODE_ZERO};
    lode_id result;
    lode_view view;
    printf("malloc %ld\n", n);
    fflush(stdout);
    refuse(&refusal);
    pid_t supervisor = cluster_start(1, 64 << 20);
    refuse(NULL);
    lode *db = cluster_open_with("play");
    refuse_now(true);
    lode_err err = lode_call(db, "play.crash", LODE_NO_ARGS, &once, &result);
    if (err == LODE_OK) {
        err = lode_get(db, result, bound_ms(RESULT_MS), &view);
    }
    refuse_now(false);
    bool refused = was_refused();
    if (err != LODE_ECRASHED) {
        expect(refused);
        expect_eq(err, LODE_EDOWN); /* and not LODE_ETIMEDOUT */
    }
    lode_close(db);
    cluster_stop(supervisor);
    return refused;
}

static void
story(int argc, char **argv)
{
    (void)argc, (void)argv;
    expect_lt(REFUSALS_AT_LEAST, refuse_each(wait_for_result));
}

int
main(int argc, char **argv)
{
    return story_run(argc, argv, 25, story);
}
