/*
 * A task leaves a thread that prints without end, another one a process that prints later, and a
 * third one a line in the buffer of a stream. The tasks of the next program run on the same CPU,
 * and none of these lines comes out there. The late line of the process and that of the stream
 * reach the program that they belong to. A worker with a thread or a child process of a task's
 * serves no other program.
 */
#include "tests/support/child.h"
#include "tests/support/cluster.h"
#include "tests/support/story.h"

#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

enum { TASKS = 50, ROOM = 1 << 20 };

static char fifo[256];

static int64_t
result_of(lode *db, lode_id id)
{
    int64_t value;
    must(lode_get_i64(db, id, LODE_FOREVER, &value));
    lode_drop(db, id);
    return value;
}

/* Says which worker ran its task, and closes when it is told to. */
static void
leaves_a_thread(struct child *parent, void *arg)
{
    lode_id id;
    story_stderr_into(arg);
    lode *db = cluster_open_with("print");
    must(lode_call(db, "print.leave_thread", LODE_ARGS(lode_str("thread")), NULL, &id));
    int64_t pid = result_of(db, id);
    child_say(parent, &pid, sizeof pid);
    child_await(parent);
    lode_close(db);
}

static void
leaves_a_process(struct child *parent, void *arg)
{
    lode_id id;
    story_stderr_into(arg);
    lode *db = cluster_open_with("print");
    must(lode_call(db, "print.leave_daemon", LODE_ARGS(lode_str(fifo), lode_str("late\n")), NULL,
                   &id));
    int64_t pid = result_of(db, id);
    child_say(parent, &pid, sizeof pid);
    child_await(parent);
    lode_close(db);
}

static void
leaves_a_child(struct child *parent, void *arg)
{
    lode_id id;
    story_stderr_into(arg);
    lode *db = cluster_open_with("print");
    must(lode_call(db, "print.leave_child", LODE_NO_ARGS, NULL, &id));
    int64_t pid = result_of(db, id);
    child_say(parent, &pid, sizeof pid);
    child_await(parent);
    lode_close(db);
}

static void
leaves_a_line(struct child *parent, void *arg)
{
    lode_id id;
    story_stderr_into(arg);
    lode *db = cluster_open_with("print");
    must(lode_call(db, "print.leave_stream", LODE_ARGS(lode_str("left")), NULL, &id));
    int64_t pid = result_of(db, id);
    child_say(parent, &pid, sizeof pid);
    child_await(parent);
    lode_close(db);
}

/* Runs tasks, half of them when the one before may go on. */
static void
stranger(struct child *parent, void *arg)
{
    story_stderr_into(arg);
    lode *db = cluster_open_with("print");
    lode_id id;
    must(lode_call(db, "print.flush", LODE_NO_ARGS, NULL, &id));
    (void)result_of(db, id);
    for (int i = 0; i < TASKS; i++) {
        must(lode_call(db, "print.whole", LODE_ARGS(lode_str("mine")), NULL, &id));
        int64_t pid = result_of(db, id);
        if (i == TASKS / 2) {
            child_say(parent, &pid, sizeof pid);
            child_await(parent);
        }
    }
    lode_close(db);
}

static void
expect_lines(const char *path, const char *want, int at_least, int at_most)
{
    char line[512];
    int count = 0;
    FILE *file = fopen(path, "re");
    expect(file != NULL);
    while (fgets(line, sizeof line, file) != NULL) {
        const char *text = strstr(line, ") ");
        if (text == NULL || strcmp(text + 2, want) != 0) {
            give_up("'%s' is printed, want lines of '%s' only", line, want);
        }
        count++;
    }
    fclose(file);
    expect(at_least <= count && count <= at_most);
}

static void
wake_daemon(void)
{
    char byte;
    int fd = open(fifo, O_WRONLY | O_CLOEXEC);
    expect(fd >= 0 && write(fd, "g", 1) == 1);
    close(fd);
    fd = open(fifo, O_RDONLY | O_CLOEXEC);
    expect(fd >= 0 && read(fd, &byte, 1) == 1);
    close(fd);
}

enum left { THREAD, CHILD, DAEMON, LINE };

static void
together(child_fn first_run, enum left left, const char *want)
{
    char first_printed[256], other_printed[256];
    struct child first, other;
    int64_t first_pid, other_pid;
    snprintf(first_printed, sizeof first_printed, "%s/first", story_files());
    snprintf(other_printed, sizeof other_printed, "%s/other", story_files());
    child_start(&first, first_run, first_printed);
    child_hear(&first, &first_pid, sizeof first_pid);
    child_start(&other, stranger, other_printed);
    child_hear(&other, &other_pid, sizeof other_pid);
    expect_eq(first_pid == other_pid, left == DAEMON || left == LINE);
    if (left == DAEMON) {
        wake_daemon();
    }
    child_signal(&other);
    child_must_end(&other);
    child_signal(&first);
    child_must_end(&first);
    expect_lines(other_printed, "mine\n", TASKS, TASKS);
    bool prints_once = left == DAEMON || left == LINE;
    expect_lines(first_printed, want, prints_once, left == THREAD ? ROOM : prints_once);
}

static void
story(int argc, char **argv)
{
    (void)argc, (void)argv;
    snprintf(fifo, sizeof fifo, "%s/fifo", story_files());
    expect_eq(mkfifo(fifo, 0600), 0);
    pid_t supervisor = cluster_start(1, 32 << 20);
    together(leaves_a_process, DAEMON, "late\n");
    together(leaves_a_line, LINE, "left\n");
    together(leaves_a_child, CHILD, "");
    together(leaves_a_thread, THREAD, "thread\n");
    cluster_stop(supervisor);
}

int
main(int argc, char **argv)
{
    return story_run(argc, argv, 15, story);
}
