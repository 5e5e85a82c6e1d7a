/*
 * While the store is stopped the scheduler goes on: it answers, gives tasks to workers and passes
 * their lines on, although errors of failed tasks are to be read in the store. Those are told when
 * it goes on.
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

static int lines[2]; /* a pipe: the program's stderr */

/* Its failed task has been told of: what is to be done about it is being done. */
static void
await_no_running(lode *db, uint64_t submitted)
{
    lode_scheduler_stats stats;
    do {
        must(lode_get_scheduler_stats(db, &stats));
    } while (stats.submitted < submitted || stats.tasks_running > 0);
}

/* A task that runs until it is cancelled, at the only worker. */
static lode_id
begin(lode *db)
{
    char path[256], byte;
    lode_id id;
    snprintf(path, sizeof path, "%s/fifo", story_files());
    expect_eq(mkfifo(path, 0600), 0);
    int fd = open(path, O_RDWR | O_CLOEXEC);
    expect(fd >= 0);
    must(lode_call(db, "play.loop_until_cancelled", LODE_ARGS(lode_str(path)), NULL, &id));
    expect_eq(read(fd, &byte, 1), 1);
    return id; /* the descriptor stays open: the task says once more that it ends */
}

static void
program(struct child *parent, void *arg)
{
    (void)arg;
    lode_id failed, after;
    lode_view view;
    lode_scheduler_stats stats;
    expect(dup2(lines[1], STDERR_FILENO) == STDERR_FILENO);
    close(lines[0]);
    close(lines[1]);
    lode *db = cluster_open_with("play");
    must(lode_call(db, "play.nothing", LODE_NO_ARGS, NULL, &after));
    must(lode_get(db, after, LODE_FOREVER, &view));
    lode_release(&view);
    lode_drop(db, after);
    must(lode_get_scheduler_stats(db, &stats));
    child_signal(parent);
    child_await(parent); /* the store is stopped */
    lode_id before = begin(db);
    must(lode_call(db, "play.fail", LODE_ARGS(lode_str("nobody waits")), NULL, NULL));
    must(lode_call(db, "play.fail", LODE_ARGS(lode_str("an argument")), NULL, &failed));
    must(lode_call(db, "play.increment", LODE_ARGS(lode_ref(failed)), NULL, &after));
    must(lode_cancel(db, before, 0)); /* now they run, and all of them were there before */
    await_no_running(db, stats.submitted + 4);
    must(lode_call(db, "play.say", LODE_ARGS(lode_str("still there")), NULL, NULL));
    child_await(parent); /* it goes on */
    fails(lode_get(db, after, LODE_FOREVER, &view), LODE_ETASK);
    expect_text(lode_last_error(), "an argument");
    lode_drop(db, failed);
    lode_drop(db, after);
    lode_drop(db, before);
    lode_close(db);
}

static void
await_line(const char *part)
{
    static char text[4096];
    size_t used = 0;
    while (strstr(text, part) == NULL) {
        expect_lt(used, sizeof text - 1);
        ssize_t got = read(lines[0], text + used, sizeof text - 1 - used);
        if (got <= 0) {
            give_up("'%s' did not come, but '%s'", part, text);
        }
        used += (size_t)got;
        text[used] = '\0';
    }
    text[0] = '\0';
}

static void
story(int argc, char **argv)
{
    (void)argc, (void)argv;
    struct child child;
    expect_eq(pipe(lines), 0);
    pid_t supervisor = cluster_start(1, 32 << 20);
    child_start(&child, program, NULL);
    close(lines[1]);
    child_await(&child);
    pid_t store = story_process("lode-store");
    story_stop_process(store);
    child_signal(&child);
    await_line("still there");
    kill(store, SIGCONT);
    child_signal(&child);
    await_line("nobody waits");
    child_must_end(&child);
    close(lines[0]);
    cluster_stop(supervisor);
}

int
main(int argc, char **argv)
{
    return story_run(argc, argv, 5, story);
}
