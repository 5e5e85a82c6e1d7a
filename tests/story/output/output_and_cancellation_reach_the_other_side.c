/*
 * What a task prints reaches its submitter's stderr as "(function pid=N) line", each line in one
 * piece, and all of it before lode_close() returns. A running task learns that its submitter has
 * ended, or that it was cancelled.
 */
#include "tests/support/child.h"
#include "tests/support/cluster.h"
#include "tests/support/story.h"

#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

enum { LINES = 200, LONG_LINE = 8000, ROOM = 64 << 10 };

static char fifo[256];

/* A process that has called tasks cannot give birth to one that does: children come first. */
static void
loader(struct child *parent, void *arg)
{
    (void)parent, (void)arg;
    lode *db = cluster_open_with("play");
    lode_close(db);
}

static void
printer(struct child *parent, void *arg)
{
    (void)parent;
    const char *path = arg;
    int fd = open(path, O_CREAT | O_WRONLY | O_APPEND | O_CLOEXEC, 0600);
    expect(fd >= 0 && dup2(fd, STDERR_FILENO) == STDERR_FILENO);
    lode *db = cluster_open();
    lode_id results[LINES];
    for (int i = 0; i < LINES; i++) {
        char text[64];
        snprintf(text, sizeof text, "line %d", i);
        must(lode_call(db, "play.say", LODE_ARGS(lode_str(text)), NULL, &results[i]));
    }
    must(lode_wait(db, results, LINES, LINES, LODE_FOREVER, NULL, NULL));
    lode_close(db);
}

static void
lines_arrive_whole_and_in_order(void)
{
    static char text[ROOM];
    char path[256];
    char want[64];
    struct child child;
    pid_t worker = story_process("lode-worker");
    snprintf(path, sizeof path, "%s/stderr", story_files());
    child_start(&child, printer, path);
    child_must_end(&child);
    FILE *file = fopen(path, "re");
    expect(file != NULL);
    for (int i = 0; i < LINES; i++) {
        snprintf(want, sizeof want, "(play.say pid=%d) line %d\n", (int)worker, i);
        if (fgets(text, sizeof text, file) == NULL || strcmp(text, want) != 0) {
            give_up("line %d is '%s', want '%s'", i, text, want);
        }
    }
    expect(fgets(text, sizeof text, file) == NULL);
    fclose(file);
}

static void
long_printer(struct child *parent, void *arg)
{
    static char text[LONG_LINE + 1];
    lode_id result;
    (void)parent;
    memset(text, 'x', LONG_LINE);
    expect(dup2(*(int *)arg, STDERR_FILENO) == STDERR_FILENO);
    lode *db = cluster_open();
    must(lode_call(db, "play.say", LODE_ARGS(lode_str(text)), NULL, &result));
    must(lode_wait(db, &result, 1, 1, LODE_FOREVER, NULL, NULL));
    lode_close(db);
}

/* A socket that keeps packets apart shows what one write() brought. */
static void
a_long_line_is_one_write(void)
{
    static char text[ROOM];
    int ends[2];
    struct child child;
    expect_eq(socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, ends), 0);
    child_start(&child, long_printer, &ends[1]);
    close(ends[1]);
    ssize_t size = read(ends[0], text, sizeof text - 1);
    expect_lt(LONG_LINE, size);
    expect_eq(text[size - 1], '\n');
    expect_eq(read(ends[0], text, sizeof text), 0);
    child_must_end(&child);
    close(ends[0]);
}

static void
await_byte(int fd, char want)
{
    char byte = 0;
    expect_eq(read(fd, &byte, 1), 1);
    expect_eq(byte, want);
}

static void
submitter(struct child *parent, void *arg)
{
    (void)arg;
    lode *db = cluster_open();
    lode_id result;
    must(lode_call(db, "play.loop_until_cancelled", LODE_ARGS(lode_str(fifo)), NULL, &result));
    child_signal(parent);
    child_await(parent);
}

static void
a_task_learns_that_its_submitter_died(int fd)
{
    struct child child;
    child_start(&child, submitter, NULL);
    child_await(&child);
    await_byte(fd, 'r');
    child_kill(&child);
    await_byte(fd, 'c');
}

static void
a_task_learns_that_it_was_cancelled(lode *db, int fd)
{
    lode_id result;
    lode_view view;
    must(lode_call(db, "play.loop_until_cancelled", LODE_ARGS(lode_str(fifo)), NULL, &result));
    await_byte(fd, 'r');
    must(lode_cancel(db, result, 0));
    await_byte(fd, 'c');
    fails(lode_get(db, result, LODE_FOREVER, &view), LODE_ECANCELLED);
    lode_drop(db, result);
}

static void
story(int argc, char **argv)
{
    (void)argc, (void)argv;
    int fd = story_fifo(fifo, sizeof fifo, "fifo");
    pid_t supervisor = cluster_start(1, 32 << 20);
    struct child child;
    child_start(&child, loader, NULL);
    child_must_end(&child);
    lines_arrive_whole_and_in_order();
    a_long_line_is_one_write();
    a_task_learns_that_its_submitter_died(fd);
    lode *db = cluster_open();
    a_task_learns_that_it_was_cancelled(db, fd);
    await_stat(db, objects, 0);
    lode_close(db);
    close(fd);
    cluster_stop(supervisor);
}

int
main(int argc, char **argv)
{
    return story_run(argc, argv, 10, story);
}
