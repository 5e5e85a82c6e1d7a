/*
 * Tasks wait for objects that are to come, and the store is refused memory once, each time one call
 * later, where it would note that the scheduler watches an object. No task takes its argument for
 * gone: the scheduler asks again, and the task runs when the object comes.
 *
 * ctest: timeout 310
 */
#include "tests/starve/refuse.h"
#include "tests/support/cluster.h"
#include "tests/support/story.h"

#include <stdio.h>

enum { TASKS = 20, RESULT_MS = 10000 };

static long ran_after_refusal;

static lode_err
put_number(lode *db, lode_id id, int64_t number)
{
    lode_create_options options = {.struct_size = sizeof options, .id = id};
    return lode_put_with(db, &number, sizeof number, &options, RESULT_MS, NULL);
}

/* One after the other, so that each task is watched for while the store may lack memory. */
static lode_err
run_tasks(lode *db, const lode_id *wanted)
{
    lode_id results[TASKS];
    lode_err err = LODE_OK;
    for (int i = 0; i < TASKS && err == LODE_OK; i++) {
        lode_args args = LODE_ARGS(lode_ref(wanted[i]));
        err = lode_call(db, "play.first_word", args, NULL, &results[i]);
    }
    for (int i = 0; i < TASKS && err == LODE_OK; i++) {
        while ((err = put_number(db, wanted[i], i)) == LODE_ENOMEM) {
        }
    }
    for (int i = 0; i < TASKS && err == LODE_OK; i++) {
        int64_t number = -1;
        err = lode_get_i64(db, results[i], bound_ms(RESULT_MS), &number);
        expect(err != LODE_OK || number == i);
    }
    return err;
}

/* Returns whether the store was refused memory. */
static bool
run(long n)
{
    struct refusal refusal = {"lode-store", "malloc", n, 1, true};
    lode_id wanted[TASKS];
    printf("malloc %ld\n", n);
    fflush(stdout);
    refuse(&refusal);
    pid_t supervisor = cluster_start(1, 32 << 20);
    refuse(NULL);
    lode *db = cluster_open_with("play");
    must(lode_reserve(db, TASKS, wanted));
    refuse_now(true);
    lode_err err = run_tasks(db, wanted);
    refuse_now(false);
    bool refused = was_refused();
    if (err != LODE_OK) {
        printf("%s: %s\n", lode_err_name(err), lode_last_error());
        expect(refused);
        expect(err == LODE_EDOWN || err == LODE_ECRASHED); /* the store had to cut a session */
    }
    ran_after_refusal += refused && err == LODE_OK;
    lode_close(db);
    cluster_stop(supervisor);
    return refused;
}

static void
story(int argc, char **argv)
{
    (void)argc, (void)argv;
    refuse_each(run);
    expect_lt(0, ran_after_refusal);
}

int
main(int argc, char **argv)
{
    return story_run(argc, argv, 25, story);
}
