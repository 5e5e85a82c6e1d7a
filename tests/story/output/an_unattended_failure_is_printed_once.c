/*
 * Nobody takes the results of a call (results_out NULL). If it fails, that is printed on the
 * submitter's stderr, once, with function and reason, also if the submitter closes just after the
 * worker died. If it succeeds, nothing is printed. Neither leaves an object.
 */
#include "tests/support/child.h"
#include "tests/support/cluster.h"
#include "tests/support/story.h"

#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

enum { ROOM = 16 << 10 };

static const lode_call_options once = {.struct_size = sizeof once, .max_retries = LODE_ZERO};

static void
submitter(struct child *parent, void *arg)
{
    lode_id done;
    lode_view view;
    lode_scheduler_stats stats;
    int fd = open(arg, O_CREAT | O_WRONLY | O_APPEND | O_CLOEXEC, 0600);
    (void)parent;
    expect(fd >= 0 && dup2(fd, STDERR_FILENO) == STDERR_FILENO);
    lode *db = cluster_open_with("play");
    must(lode_call(db, "play.fail", LODE_ARGS(lode_str("a reason")), NULL, NULL));
    must(lode_call(db, "play.increment", LODE_ARGS(lode_i64(1)), NULL, NULL));
    must(lode_call(db, "play.crash", LODE_NO_ARGS, &once, NULL));
    must(lode_call(db, "play.fail", LODE_ARGS(lode_str("seen by get")), NULL, &done));
    fails(lode_get(db, done, LODE_FOREVER, &view), LODE_ETASK);
    lode_drop(db, done);
    do {
        must(lode_get_scheduler_stats(db, &stats));
    } while (stats.finished < 4);
    await_stat(db, objects, 0);
    lode_close(db);
}

/* Closes when its task's worker has died, and the store has yet to say what became of the task. */
static void
early_leaver(struct child *parent, void *arg)
{
    lode_scheduler_stats stats;
    int fd = open(arg, O_CREAT | O_WRONLY | O_APPEND | O_CLOEXEC, 0600);
    expect(fd >= 0 && dup2(fd, STDERR_FILENO) == STDERR_FILENO);
    lode *db = cluster_open_with("play");
    child_signal(parent);
    child_await(parent); /* the store is stopped */
    must(lode_get_scheduler_stats(db, &stats));
    uint64_t died = stats.workers_died;
    must(lode_call(db, "play.crash", LODE_NO_ARGS, &once, NULL));
    do {
        must(lode_get_scheduler_stats(db, &stats));
    } while (stats.workers_died == died);
    child_signal(parent);
    lode_close(db);
}

static void
leave_early(char *path)
{
    enum { TOO_EARLY_MS = 500 };
    struct child child;
    pid_t store = story_process("lode-store");
    child_start(&child, early_leaver, path);
    child_await(&child);
    story_stop_process(store);
    child_signal(&child);
    child_await(&child);
    expect(!story_wait_end(child.pid, TOO_EARLY_MS));
    kill(store, SIGCONT);
    child_must_end(&child);
}

static int
count(const char *text, const char *part)
{
    int found = 0;
    for (const char *at = strstr(text, part); at != NULL; at = strstr(at + 1, part)) {
        found++;
    }
    return found;
}

static const char *
read_text(const char *path)
{
    static char text[ROOM];
    FILE *file = fopen(path, "re");
    expect(file != NULL);
    text[fread(text, 1, sizeof text - 1, file)] = '\0';
    fclose(file);
    return text;
}

static void
story(int argc, char **argv)
{
    (void)argc, (void)argv;
    char path[256];
    struct child child;
    pid_t supervisor = cluster_start(1, 32 << 20);
    snprintf(path, sizeof path, "%s/early", story_files());
    leave_early(path);
    expect_eq(count(read_text(path), "(play.crash pid="), 1);
    snprintf(path, sizeof path, "%s/stderr", story_files());
    child_start(&child, submitter, path);
    child_must_end(&child);
    const char *text = read_text(path);
    expect_eq(count(text, "it said: a reason"), 1);
    expect_eq(count(text, "(play.fail pid="), 1);
    expect_eq(count(text, "(play.crash pid="), 1);
    expect_eq(count(text, "SIGSEGV"), 1);
    expect_eq(count(text, "seen by get"), 0);
    expect_eq(count(text, "increment"), 0);
    expect_eq(count(text, "\n"), 2);
    cluster_stop(supervisor);
}

int
main(int argc, char **argv)
{
    return story_run(argc, argv, 10, story);
}
