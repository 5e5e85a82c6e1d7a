/*
 * A program is stopped while its tasks print: what waits for it is bounded, lines beyond that are
 * left out and counted, and nobody else waits. When it goes on it gets what was kept, its calls
 * work, and before it closes it is told how much is missing, and in which file that is.
 */
#include "tests/support/child.h"
#include "tests/support/cluster.h"
#include "tests/support/story.h"

#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

enum { TASKS = 120, LINES_OF_TASK = 50, LINES = TASKS * LINES_OF_TASK, CALLS = 50 };
enum { LINE_BYTES = 8000 };

#ifdef __SANITIZE_ADDRESS__
enum { KEPT_MAX = 512 << 20 }; /* what was freed is kept for a while, too */
#else
enum { KEPT_MAX = 80 << 20 };
#endif

static char fifo[256], printed[256], log_path[256];

static void
printer(struct child *parent, void *arg)
{
    static char text[LINE_BYTES + 1];
    static lode_id said[TASKS];
    lode_id first;
    (void)arg;
    story_stderr_into(printed);
    lode *db = cluster_open_with("play");
    lode_close(db);
    db = cluster_open_with("print");
    memset(text, 'x', LINE_BYTES);
    must(lode_call(db, "play.loop_until_cancelled", LODE_ARGS(lode_str(fifo)), NULL, &first));
    for (int i = 0; i < TASKS; i++) {
        must(lode_call(db, "print.often", LODE_ARGS(lode_str(text), lode_i64(LINES_OF_TASK)), NULL,
                       &said[i]));
    }
    await_submitted(db, TASKS + 1);
    child_say(parent, &first, sizeof first); /* and is stopped */
    must(lode_wait(db, said, TASKS, TASKS, LODE_FOREVER, NULL, NULL));
    must(lode_call(db, "play.say", LODE_ARGS(lode_str("the last one")), NULL, &first));
    must(lode_wait(db, &first, 1, 1, LODE_FOREVER, NULL, NULL));
    lode_close(db);
}

static long
resident_bytes(pid_t pid)
{
    char path[64], line[256];
    long kib = 0;
    snprintf(path, sizeof path, "/proc/%d/status", (int)pid);
    FILE *file = fopen(path, "re");
    expect(file != NULL);
    while (fgets(line, sizeof line, file) != NULL) {
        if (sscanf(line, "RssAnon: %ld", &kib) == 1) {
            break;
        }
    }
    fclose(file);
    return kib * 1024;
}

static void
others_work_meanwhile(lode *db)
{
    for (int i = 0; i < CALLS; i++) {
        lode_id id;
        int64_t value;
        must(lode_call(db, "play.increment", LODE_ARGS(lode_i64(1)), NULL, &id));
        must(lode_get_i64(db, id, bound_ms(5000), &value));
        expect_eq(value, 2);
        lode_drop(db, id);
    }
}

static long
count_in_log(void)
{
    static char line[2 * LINE_BYTES];
    long count = 0;
    FILE *file = fopen(log_path, "re");
    expect(file != NULL);
    while (fgets(line, sizeof line, file) != NULL) {
        count += strspn(line, "x") == LINE_BYTES;
    }
    fclose(file);
    return count;
}

static void
count_lines(void)
{
    static char line[2 * LINE_BYTES];
    long whole = 0, left_out = 0, last = 0;
    FILE *file = fopen(printed, "re");
    expect(file != NULL);
    while (fgets(line, sizeof line, file) != NULL) {
        const char *notice = strstr(line, ") … ");
        if (notice != NULL) {
            left_out += strtol(notice + strlen(") … "), NULL, 10);
            expect_text(notice, "lines are left out here: see ");
            expect_text(notice, log_path);
        } else if (strstr(line, "the last one") != NULL) {
            last++;
        } else {
            expect_lt(LINE_BYTES, strlen(line));
            whole++;
        }
    }
    fclose(file);
    expect_lt(0, left_out);
    expect_lt(0, whole);
    expect_eq(whole + last + left_out, LINES + 1);
    expect_eq(count_in_log(), left_out);
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
    expect_eq(mkfifo(fifo, 0600), 0);
    int fd = open(fifo, O_RDWR | O_CLOEXEC);
    expect(fd >= 0);
    pid_t supervisor = cluster_start(1, 32 << 20);
    pid_t scheduler = story_process("lode-scheduler");
    child_start(&child, printer, NULL);
    child_hear(&child, &first, sizeof first);
    expect_eq(read(fd, &byte, 1), 1); /* its first task keeps the only worker */
    story_stop_process(child.pid);
    lode *db = cluster_open();
    long before = resident_bytes(scheduler);
    must(lode_cancel(db, first, 0));
    await_all_printed(db);
    others_work_meanwhile(db);
    expect_lt(resident_bytes(scheduler) - before, KEPT_MAX);
    kill(child.pid, SIGCONT);
    child_must_end(&child);
    count_lines();
    lode_close(db);
    close(fd);
    cluster_stop(supervisor);
}

int
main(int argc, char **argv)
{
    return story_run(argc, argv, 10, story);
}
