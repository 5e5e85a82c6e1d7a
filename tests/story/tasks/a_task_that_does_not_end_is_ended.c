/*
 * A task that loops, and does not look whether anybody still wants it, holds no CPU for ever: its
 * worker is ended if the task is cancelled by force, or when its program has ended. Nor does a task
 * of a task that has ended before.
 */
#include "tests/support/child.h"
#include "tests/support/cluster.h"
#include "tests/support/story.h"

#include <unistd.h>

static char fifo[256];

static void
await_byte(int fd)
{
    char byte;
    expect_eq(read(fd, &byte, 1), 1);
}

static lode_id
start_loop(lode *db, int fd)
{
    lode_id result;
    must(lode_call(db, "play.loop", LODE_ARGS(lode_str(fifo)), NULL, &result));
    await_byte(fd);
    return result;
}

static void
cancelled_by_force(lode *db, int fd)
{
    lode_view view;
    lode_id id = start_loop(db, fd);
    fails(lode_cancel(db, id, 1 << 30), LODE_EINVAL);
    fails(lode_cancel(db, (lode_id){{0}}, 1 << 30), LODE_EINVAL); /* flags come first */
    fails(lode_cancel(db, (lode_id){{0}}, 0), LODE_EGONE);
    must(lode_cancel(db, id, LODE_CANCEL_FORCE));
    fails(lode_get(db, id, bound_ms(15000), &view), LODE_ECANCELLED);
    lode_drop(db, id);
    expect_free_cpu(db);
}

static void
program(struct child *parent, void *arg)
{
    lode *db = cluster_open();
    (void)start_loop(db, *(int *)arg);
    child_signal(parent);
    child_await(parent);
}

/* The task that submits the loop has ended when the loop begins: there is one CPU. */
static void
program_of_a_parent(struct child *parent, void *arg)
{
    child_await(parent);
    lode *db = cluster_open();
    lode_id done;
    must(lode_call(db, "nest.leave_a_loop", LODE_ARGS(lode_str(fifo)), NULL, &done));
    await_byte(*(int *)arg);
    must(lode_wait(db, &done, 1, 1, bound_ms(15000), NULL, NULL));
    child_signal(parent);
    child_await(parent);
}

static void
outlived_its_program(struct child *child)
{
    lode *db = cluster_open();
    child_kill(child);
    expect_free_cpu(db);
    lode_close(db);
}

static void
loader(struct child *parent, void *arg)
{
    (void)parent, (void)arg;
    lode_close(cluster_open_with("play"));
    lode_close(cluster_open_with("nest"));
}

static void
story(int argc, char **argv)
{
    struct child child, second;
    (void)argc, (void)argv;
    int fd = story_fifo(fifo, sizeof fifo, "fifo");
    pid_t supervisor = cluster_start(1, 32 << 20);
    child_start(&child, loader, NULL);
    child_must_end(&child);
    child_start(&child, program, &fd);
    child_start(&second, program_of_a_parent, &fd); /* no fork after the first call of a task */
    child_await(&child);
    outlived_its_program(&child);
    child_signal(&second);
    child_await(&second);
    outlived_its_program(&second);
    lode *db = cluster_open();
    cancelled_by_force(db, fd);
    lode_close(db);
    close(fd);
    cluster_stop(supervisor);
}

int
main(int argc, char **argv)
{
    return story_run(argc, argv, 30, story);
}
