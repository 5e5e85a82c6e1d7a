/*
 * A call with a time limit ends soon after that, whatever its task does meanwhile. It may wait for
 * a CPU, sleep in a call of liblode, look whether it is still wanted, or loop and look at nothing.
 * The error names the limit, and the CPU is free.
 */
#include "tests/support/cluster.h"
#include "tests/support/story.h"

#include <poll.h>
#include <string.h>
#include <unistd.h>

enum { LIMIT_MS = 200 };

static char fifo[256];

static lode_id
call(lode *db, const char *function, const char *arg)
{
    lode_call_options options = {.struct_size = sizeof options, .timeout_ms = LIMIT_MS};
    lode_id id;
    must(lode_call(db, function, LODE_ARGS(lode_str(arg)), &options, &id));
    return id;
}

static lode_failure_info
end_of(lode *db, lode_id id)
{
    lode_failure_info why;
    lode_view view;
    fails(lode_get(db, id, bound_ms(15000), &view), LODE_ETIMEDOUT);
    must(lode_failure(db, id, &why));
    expect_eq(why.code, LODE_ETIMEDOUT);
    lode_drop(db, id);
    return why;
}

static void
expect_end(const lode_failure_info *why, const char *sentence)
{
    expect_eq(why->may_have_run, strncmp(sentence, "not run", 7) != 0);
    if (strcmp(why->message, sentence) != 0) {
        give_up("the failure is '%s', not '%s'", why->message, sentence);
    }
}

static void
was_too_late(lode *db, lode_id id, const char *sentence)
{
    lode_failure_info why = end_of(db, id);
    expect_end(&why, sentence);
}

/*
 * On a busy machine the time may be up before the worker has begun: then it is called anew, here
 * and below.
 */
static void
is_stopped(lode *db, const char *function, const char *arg)
{
    lode_failure_info why;
    do {
        why = end_of(db, call(db, function, arg));
    } while (!why.may_have_run);
    expect_end(&why, "stopped after its time limit of 200 ms");
}

static bool
has_ended(lode *db, lode_id id)
{
    return lode_wait(db, &id, 1, 1, 0, NULL, NULL) == LODE_OK;
}

/* One that loops, and looks at nothing. */
static lode_id
begin_loop(lode *db, int fd)
{
    enum { SLICE_MS = 10 };
    struct pollfd runs = {.fd = fd, .events = POLLIN};
    lode_id id = call(db, "play.loop", fifo);
    while (poll(&runs, 1, SLICE_MS) == 0) {
        if (has_ended(db, id) && poll(&runs, 1, 0) == 0) {
            lode_drop(db, id);
            id = call(db, "play.loop", fifo);
        }
    }
    return id;
}

static void
limits_out_of_range(lode *db)
{
    static const int64_t refused[] = {LODE_ZERO, INT64_C(1) << 32, INT64_MAX};
    static const int64_t taken[] = {LODE_FOREVER, -2, INT64_MIN, UINT32_MAX};
    lode_call_options options = {.struct_size = sizeof options};
    lode_id id;
    for (size_t i = 0; i < sizeof refused / sizeof refused[0]; i++) {
        options.timeout_ms = refused[i];
        fails(lode_call(db, "play.increment", LODE_ARGS(lode_i64(1)), &options, &id), LODE_EINVAL);
    }
    for (size_t i = 0; i < sizeof taken / sizeof taken[0]; i++) {
        int64_t value;
        options.timeout_ms = taken[i];
        must(lode_call(db, "play.increment", LODE_ARGS(lode_i64(1)), &options, &id));
        must(lode_get_i64(db, id, bound_ms(15000), &value));
        lode_drop(db, id);
    }
}

static void
all_kinds(lode *db, int fd)
{
    char byte, never[LODE_ID_TEXT_SIZE];
    lode_id awaited;
    must(lode_reserve(db, 1, &awaited));
    lode_id_format(awaited, never);
    is_stopped(db, "nest.await", never);
    is_stopped(db, "play.loop_until_cancelled", fifo);
    expect_eq(read(fd, &byte, 1), 1);
    expect_eq(read(fd, &byte, 1), 1); /* and what it says when it has noticed */
    expect_eq(byte, 'c');
    lode_id loops = begin_loop(db, fd);
    expect_eq(read(fd, &byte, 1), 1);
    was_too_late(db, call(db, "play.loop", fifo), "not run within its time limit of 200 ms");
    was_too_late(db, loops, "not done within its time limit of 200 ms");
    expect_free_cpu(db);
    lode_drop(db, awaited);
}

static void
story(int argc, char **argv)
{
    lode_scheduler_stats stats;
    (void)argc, (void)argv;
    int fd = story_fifo(fifo, sizeof fifo, "fifo");
    pid_t supervisor = cluster_start(1, 32 << 20);
    lode *db = cluster_open_with("play");
    must(lode_load(db, story_tasks("nest")));
    limits_out_of_range(db);
    all_kinds(db, fd);
    must(lode_get_scheduler_stats(db, &stats));
    expect_eq(stats.retried, 0);
    lode_close(db);
    close(fd);
    cluster_stop(supervisor);
}

int
main(int argc, char **argv)
{
    return story_run(argc, argv, 60, story);
}
