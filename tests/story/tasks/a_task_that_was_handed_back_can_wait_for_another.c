/*
 * A task is submitted with an argument that is there. The argument is deleted before the task
 * begins, so the worker hands the task back; the argument is put again, and the task runs. Now it
 * waits for a child of its own, and there is one CPU: the worker must say that the task sleeps, or
 * the child never runs.
 * ctest: ci 50
 */
#include "tests/support/cluster.h"
#include "tests/support/story.h"

#include <unistd.h>

static char fifo[256];

static void
await_byte(int fd, char want)
{
    char byte = 0;
    expect_eq(read(fd, &byte, 1), 1);
    expect_eq(byte, want);
}

/* The only CPU is taken until the task is cancelled. */
static lode_id
take_the_cpu(lode *db, int fd)
{
    lode_id busy;
    must(lode_call(db, "play.loop_until_cancelled", LODE_ARGS(lode_str(fifo)), NULL, &busy));
    await_byte(fd, 'r');
    return busy;
}

static void
free_the_cpu(lode *db, int fd, lode_id busy)
{
    must(lode_cancel(db, busy, 0));
    await_byte(fd, 'c');
    lode_drop(db, busy);
}

static void
put_word(lode *db, lode_id id, int64_t word)
{
    lode_create_options options = {.struct_size = sizeof options, .id = id};
    must(lode_put_with(db, &word, sizeof word, &options, 0, NULL));
}

/* A task that waits for arguments was taken to have them, and was handed back. */
static void
await_waiting_task(lode *db)
{
    lode_scheduler_stats stats;
    do {
        must(lode_get_scheduler_stats(db, &stats));
    } while (stats.tasks_waiting != 1);
}

static void
handed_back_and_then_a_parent(lode *db, int fd)
{
    lode_id word, sum;
    int64_t value;
    bool there;
    must(lode_id_random(&word));
    put_word(db, word, 5);
    must(lode_contains(db, word, &there)); /* so the call says that its argument is there */
    expect(there);
    lode_id busy = take_the_cpu(db, fd);
    must(lode_call(db, "play.parent_of_word", LODE_ARGS(lode_ref(word)), NULL, &sum));
    must(lode_delete(db, word));
    free_the_cpu(db, fd, busy);
    await_waiting_task(db);
    put_word(db, word, 7);
    must(lode_get_i64(db, sum, LODE_FOREVER, &value));
    expect_eq(value, 9);
    lode_drop(db, sum);
    lode_drop(db, word);
}

static void
story(int argc, char **argv)
{
    long rounds = count_argument(argc, argv, 1, 3);
    int fd = story_fifo(fifo, sizeof fifo, "fifo");
    pid_t supervisor = cluster_start(1, 32 << 20);
    lode *db = cluster_open_with("play");
    for (long i = 0; i < rounds; i++) {
        handed_back_and_then_a_parent(db, fd);
    }
    lode_close(db);
    cluster_stop(supervisor);
    close(fd);
}

int
main(int argc, char **argv)
{
    return story_run(argc, argv, 20, story);
}
