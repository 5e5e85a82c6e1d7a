/*
 * A task takes the lock under which the scheduler reads its worker's output, and keeps it. Another
 * one prints without end. Tasks of a second program run at once all the same, its lines come out,
 * and the first program's calls end. What it cannot take while it is stopped is in a bounded log.
 */
#include "tests/support/child.h"
#include "tests/support/cluster.h"
#include "tests/support/story.h"

#include <fcntl.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

enum { CALLS = 100, SOON_MS = 5000, LOG_MAX = (64 << 20) + (1 << 20) };

static char fifo[256];

static void
hostile(struct child *parent, void *arg)
{
    lode_id lock, endless;
    int64_t pid;
    story_stderr_into(arg);
    lode *db = cluster_open_with("print");
    must(lode_call(db, "print.keep_lock", LODE_NO_ARGS, NULL, &lock));
    must(lode_call(db, "print.endless", LODE_ARGS(lode_str(fifo)), NULL, &endless));
    must(lode_get_i64(db, lock, bound_ms(SOON_MS), &pid));
    child_signal(parent);
    child_await(parent);
    must(lode_cancel(db, endless, 0));
    must(lode_wait(db, &endless, 1, 1, bound_ms(SOON_MS), NULL, NULL));
    lode_close(db);
}

static void
other(struct child *parent, void *arg)
{
    (void)parent;
    story_stderr_into(arg);
    lode *db = cluster_open_with("print");
    for (int i = 0; i < CALLS; i++) {
        lode_id id;
        int64_t pid;
        must(lode_call(db, "print.whole", LODE_ARGS(lode_str("mine")), NULL, &id));
        must(lode_get_i64(db, id, bound_ms(SOON_MS), &pid));
        lode_drop(db, id);
    }
    lode_close(db);
}

static int
count_lines(const char *path, const char *want)
{
    char line[512];
    int count = 0;
    FILE *file = fopen(path, "re");
    expect(file != NULL);
    while (fgets(line, sizeof line, file) != NULL) {
        count += strstr(line, want) != NULL;
    }
    fclose(file);
    return count;
}

static void
story(int argc, char **argv)
{
    char bad[256], good[256], log_path[256], byte;
    struct stat info;
    struct child first, second;
    (void)argc, (void)argv;
    snprintf(fifo, sizeof fifo, "%s/fifo", story_files());
    snprintf(bad, sizeof bad, "%s/bad", story_files());
    snprintf(good, sizeof good, "%s/good", story_files());
    snprintf(log_path, sizeof log_path, "%s/output.log", story_state());
    expect_eq(mkfifo(fifo, 0600), 0);
    int fd = open(fifo, O_RDWR | O_CLOEXEC);
    expect(fd >= 0);
    pid_t supervisor = cluster_start(2, 32 << 20);
    child_start(&first, hostile, bad);
    expect_eq(read(fd, &byte, 1), 1); /* it prints by now */
    child_await(&first);
    story_stop_process(first.pid);
    child_start(&second, other, good);
    child_must_end(&second);
    while (stat(log_path, &info) != 0) { /* there is no end to what is printed */
        sched_yield();
    }
    kill(first.pid, SIGCONT);
    expect_eq(count_lines(good, ") mine\n"), CALLS);
    child_signal(&first);
    child_must_end(&first);
    expect_eq(count_lines(bad, "the lock is mine") + count_lines(log_path, "the lock is mine"), 1);
    expect_eq(stat(log_path, &info), 0);
    expect_lt(info.st_size, LOG_MAX);
    cluster_stop(supervisor);
    close(fd);
}

int
main(int argc, char **argv)
{
    return story_run(argc, argv, 20, story);
}
