/*
 * While the scheduler is stopped, calls pile up in the link until it takes no more: LODE_ELIMIT. A
 * program may try again as often as it likes: a refused call draws no ids, and leaves no
 * references.
 */
#include "tests/support/child.h"
#include "tests/support/cluster.h"
#include "tests/support/story.h"

#include <signal.h>
#include <stdlib.h>
#include <string.h>

enum { RETRIES = 1000, ARGUMENT = 1000000 };

static lode_err
call(lode *db, const void *bytes, lode_id held, lode_id *result_out)
{
    return lode_call(db, "play.nothing", LODE_ARGS(lode_bytes(bytes, ARGUMENT), lode_ref(held)),
                     NULL, result_out);
}

/* Results of a session are counted: the last eight bytes of the id. */
static uint64_t
counter_of(lode_id id)
{
    uint64_t counter;
    memcpy(&counter, id.byte + 8, sizeof counter);
    return __builtin_bswap64(counter);
}

static void
program(struct child *parent, void *arg)
{
    (void)arg;
    lode_id held, result, last;
    lode_object_info info;
    char *bytes = calloc(1, ARGUMENT);
    lode *db = cluster_open_with("play");
    must(lode_put(db, "held", 4, 0, &held));
    must(call(db, bytes, held, &result));
    must(lode_wait(db, &result, 1, 1, LODE_FOREVER, NULL, NULL));
    child_signal(parent);
    child_await(parent); /* the scheduler is stopped */
    lode_err err;
    do {
        last = result;
        err = call(db, bytes, held, &result);
    } while (err == LODE_OK);
    expect_eq(err, LODE_ELIMIT);
    expect_text(lode_last_error(), "wait for the other side");
    must(lode_stat(db, held, &info));
    uint64_t references = info.references;
    for (int i = 0; i < RETRIES; i++) {
        fails(call(db, bytes, held, &result), LODE_ELIMIT);
    }
    must(lode_stat(db, held, &info));
    expect_eq(info.references, references);
    child_signal(parent);
    child_await(parent); /* it goes on */
    must(lode_wait(db, &last, 1, 1, LODE_FOREVER, NULL, NULL));
    must(call(db, bytes, held, &result));
    expect_eq(counter_of(result), counter_of(last) + 1);
    must(lode_wait(db, &result, 1, 1, LODE_FOREVER, NULL, NULL));
    lode_close(db);
    free(bytes);
}

static void
story(int argc, char **argv)
{
    (void)argc, (void)argv;
    struct child child;
    pid_t supervisor = cluster_start(1, 32 << 20);
    child_start(&child, program, NULL);
    child_await(&child);
    pid_t scheduler = story_process("lode-scheduler");
    story_stop_process(scheduler);
    child_signal(&child);
    child_await(&child);
    kill(scheduler, SIGCONT);
    child_signal(&child);
    child_must_end(&child);
    cluster_stop(supervisor);
}

int
main(int argc, char **argv)
{
    return story_run(argc, argv, 10, story);
}
