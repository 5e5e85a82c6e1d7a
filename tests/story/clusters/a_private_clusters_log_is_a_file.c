/*
 * The daemons of a private cluster log to private.log in LODE_STATE_DIR. On the stderr of the
 * program comes only that a daemon has died, and where the log is. Where the log cannot be written,
 * its lines come there as well.
 */
#include "tests/support/child.h"
#include "tests/support/cluster.h"
#include "tests/support/story.h"

#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

enum { ROOM = 64 << 10 };

static char said_path[256], log_path[256];

static const char *
text_of(const char *path)
{
    static char text[ROOM];
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    ssize_t size = fd < 0 ? 0 : read(fd, text, sizeof text - 1);
    expect(0 <= size && size < ROOM - 1);
    text[size] = '\0';
    if (fd >= 0) {
        close(fd);
    }
    return text;
}

static int
lines_of(const char *path)
{
    int lines = 0;
    for (const char *at = text_of(path); (at = strchr(at, '\n')) != NULL; at++) {
        lines++;
    }
    return lines;
}

static void
lose_a_worker(lode *db)
{
    const lode_call_options once = {.struct_size = sizeof once, .max_retries = LODE_ZERO};
    lode_id result;
    int64_t value;
    must(lode_call(db, "play.crash", LODE_NO_ARGS, &once, &result));
    fails(lode_get_i64(db, result, LODE_FOREVER, &value), LODE_ECRASHED);
    lode_drop(db, result);
}

/* When a new session can call tasks, the supervisor has seen the end of the old scheduler. */
static void
lose_the_scheduler(void)
{
    pid_t scheduler = story_process("lode-scheduler");
    lode_scheduler_stats stats;
    lode_err err;
    expect_eq(kill(scheduler, SIGKILL), 0);
    expect(story_wait_end(scheduler, bound_ms(5000)));
    do {
        lode *db = private_open();
        err = lode_get_scheduler_stats(db, &stats);
        lode_close(db);
    } while (err == LODE_EDOWN);
    expect_eq(err, LODE_OK);
}

static lode *
open_and_load(void)
{
    lode *db = private_open();
    must(lode_load(db, story_tasks("play")));
    return db;
}

static void
program(struct child *parent, void *arg)
{
    (void)parent, (void)arg;
    int said = open(said_path, O_WRONLY | O_CREAT | O_TRUNC | O_APPEND | O_CLOEXEC, 0600);
    expect(said >= 0 && dup2(said, STDERR_FILENO) == STDERR_FILENO);
    lode *db = open_and_load();
    lose_a_worker(db);
    child_signal(parent);
    child_await(parent);
    lose_the_scheduler();
    lode_close(db);
}

static void
start(struct child *child)
{
    child_start(child, program, NULL);
    child_await(child);
}

static void
go_on(struct child *child)
{
    child_signal(child);
    child_must_end(child);
}

static void
the_log_is_a_file(void)
{
    struct child child;
    start(&child);
    expect_eq(lines_of(said_path), 0);
    expect_text(text_of(log_path), " WORKER-DIED: ");
    go_on(&child);
    expect_eq(lines_of(said_path), 1);
    expect_text(text_of(said_path), "of the private cluster was killed by signal 9 (Killed): see ");
    expect_text(text_of(said_path), log_path);
    expect_text(text_of(log_path), " SUPERVISOR-SCHEDULER-LOST: ");
}

static void
without_a_log_the_lines_are_not_lost(void)
{
    struct child child;
    expect_eq(unlink(log_path), 0);
    expect_eq(mkdir(log_path, 0700), 0); /* no file can be there */
    start(&child);
    expect_text(text_of(said_path), " WORKER-DIED: ");
    go_on(&child);
    expect_text(text_of(said_path), " SUPERVISOR-SCHEDULER-LOST: ");
    expect_eq(rmdir(log_path), 0);
}

static void
story(int argc, char **argv)
{
    (void)argc, (void)argv;
    snprintf(said_path, sizeof said_path, "%s/said", story_files());
    snprintf(log_path, sizeof log_path, "%s/private.log", story_state());
    the_log_is_a_file();
    without_a_log_the_lines_are_not_lost();
}

int
main(int argc, char **argv)
{
    return story_run(argc, argv, 20, story);
}
