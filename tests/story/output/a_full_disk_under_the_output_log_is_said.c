/*
 * A program is stopped while its tasks print more than may wait for it, and the disk under
 * output.log is full. The program is told how many lines were left out, and how many of them the
 * log lacks; together with what it gets that is every line. Nobody waits, and nothing dies.
 * ctest: root
 */
#include "tests/support/child.h"
#include "tests/support/cluster.h"
#include "tests/support/story.h"

#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <unistd.h>

enum { TASKS = 100, LINES_OF_TASK = 50, LINES = TASKS * LINES_OF_TASK, LINE_BYTES = 8000 };

static char fifo[256], printed[256], log_path[256];

static void
printer(struct child *parent, void *arg)
{
    static char text[LINE_BYTES + 1];
    static lode_id said[TASKS];
    lode_id first;
    (void)arg;
    story_stderr_into(printed);
    cluster_offer("play");
    lode *db = cluster_open_with("print");
    memset(text, 'x', LINE_BYTES);
    must(lode_call(db, "play.loop_until_cancelled", LODE_ARGS(lode_str(fifo)), NULL, &first));
    for (int i = 0; i < TASKS; i++) {
        must(lode_call(db, "print.often", LODE_ARGS(lode_str(text), lode_i64(LINES_OF_TASK)), NULL,
                       &said[i]));
    }
    await_submitted(db, TASKS + 1);
    child_say(parent, &first, sizeof first); /* and is stopped */
    must(lode_wait(db, said, TASKS, TASKS, LODE_FOREVER, NULL, NULL));
    lode_close(db);
}

static long
count_in_log(void)
{
    static char line[2 * LINE_BYTES];
    long count = 0;
    FILE *file = fopen(log_path, "re");
    expect(file != NULL);
    while (fgets(line, sizeof line, file) != NULL) {
        count += strspn(line, "x") == LINE_BYTES && line[LINE_BYTES] == '\n';
    }
    fclose(file);
    return count;
}

/* "… 17 lines are left out here: see PATH, which lacks 5 of them"; or all: "lost, for PATH …" */
static void
read_notice(const char *notice, long *left_out, long *lacking)
{
    long count = strtol(notice, NULL, 10);
    const char *lacks = strstr(notice, ", which lacks ");
    expect_text(notice, "lines are left out here: ");
    expect_text(notice, log_path);
    *left_out += count;
    if (lacks != NULL) {
        *lacking += strtol(lacks + strlen(", which lacks "), NULL, 10);
    } else if (strstr(notice, ": lost, for ") != NULL) {
        *lacking += count;
    }
}

static void
each_line_is_there_or_counted(void)
{
    static char line[2 * LINE_BYTES];
    long whole = 0, left_out = 0, lacking = 0;
    FILE *file = fopen(printed, "re");
    expect(file != NULL);
    while (fgets(line, sizeof line, file) != NULL) {
        const char *notice = strstr(line, ") … ");
        if (notice != NULL) {
            read_notice(notice + strlen(") … "), &left_out, &lacking);
        } else {
            expect_lt(LINE_BYTES, strlen(line));
            whole++;
        }
    }
    fclose(file);
    expect_eq(whole + left_out, LINES);
    expect_lt(0, lacking);
    expect_lt(lacking, left_out); /* the log has some */
    expect_lt(left_out - lacking - 1,
              count_in_log()); /* part of a write that failed may be there */
    expect_lt(count_in_log(), left_out);
}

static void
mount_tmpfs(void)
{
    if (unshare(CLONE_NEWNS) != 0 || mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL) != 0) {
        skip("no mounts of our own: %s", strerror(errno));
    }
    if (mount("tmpfs", story_state(), "tmpfs", 0, "size=1m,mode=0700") != 0) {
        skip("cannot mount a tmpfs: %s", strerror(errno));
    }
}

static void
story(int argc, char **argv)
{
    (void)argc, (void)argv;
    struct child child;
    lode_id first;
    char byte;
    snprintf(fifo, sizeof fifo, "%s/fifo", story_files());
    snprintf(printed, sizeof printed, "%s/stderr", story_files());
    snprintf(log_path, sizeof log_path, "%s/output.log", story_state());
    (void)mkdir(story_state(), 0700);
    mount_tmpfs();
    expect_eq(mkfifo(fifo, 0600), 0);
    int fd = open(fifo, O_RDWR | O_CLOEXEC);
    expect(fd >= 0);
    pid_t supervisor = cluster_start(1, 32 << 20);
    child_start(&child, printer, NULL);
    child_hear(&child, &first, sizeof first);
    expect_eq(read(fd, &byte, 1), 1); /* its first task keeps the only worker */
    story_stop_process(child.pid);
    lode *db = cluster_open();
    must(lode_cancel(db, first, 0));
    await_all_printed(db);
    kill(child.pid, SIGCONT);
    child_must_end(&child);
    each_line_is_there_or_counted();
    lode_close(db);
    close(fd);
    cluster_stop(supervisor);
    umount2(story_state(), MNT_DETACH);
}

int
main(int argc, char **argv)
{
    return story_run(argc, argv, 15, story);
}
