/*
 * Somebody removes all lock files and sockets of a cluster that runs, as a cleaner of /tmp may. The
 * cluster puts them back: programs attach and call, a killed worker is replaced, a waiter does not
 * take the scheduler for dead; and a second `lode start` is refused, also before that.
 */
#include "tests/support/child.h"
#include "tests/support/cluster.h"
#include "tests/support/removed_files.h"
#include "tests/support/story.h"

#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

enum { ROOM = 4096 };

static const char *const names[] = {"supervisor.lock", "store.lock", "scheduler.lock", "store.sock",
                                    "scheduler.sock"};
enum { NAMES = sizeof names / sizeof names[0] };

static void
remove_all(void)
{
    for (int i = 0; i < NAMES; i++) {
        char path[256];
        snprintf(path, sizeof path, "%s/%s", story_dir(), names[i]);
        expect_eq(unlink(path), 0);
    }
}

static void
expect_refused(pid_t supervisor)
{
    const char *argv[] = {"lode", "start", "--num-cpus", "1", "--capacity", "16M", NULL};
    char out[ROOM], err[ROOM];
    expect_eq(program_run(argv, out, err, ROOM), 1);
    expect_text(err, "already running");
    expect_eq(kill(supervisor, 0), 0);
}

/* Has no session with the scheduler, and waits for a result that another program has asked for. */
static void
waiter(struct child *parent, void *arg)
{
    lode_id result;
    lode_view view;
    (void)arg;
    child_hear(parent, &result, sizeof result);
    lode *db = cluster_open();
    fails(lode_get(db, result, 100, &view), LODE_ETIMEDOUT); /* has looked once */
    child_signal(parent);
    child_await(parent); /* all was removed, and is back */
    fails(lode_get(db, result, 2500, &view), LODE_ETIMEDOUT);
    lode_close(db);
}

static void
story(int argc, char **argv)
{
    (void)argc, (void)argv;
    struct child child;
    lode_id result;
    char said[256];
    child_start(&child, waiter, NULL);
    pid_t supervisor = cluster_start(1, 16 << 20);
    lode *db = cluster_open_with("play");
    increment(db);
    snprintf(said, sizeof said, "%s/said", story_files());
    expect_eq(mkfifo(said, 0600), 0);
    int fifo = open(said, O_RDWR | O_CLOEXEC);
    must(lode_call(db, "play.loop_until_cancelled", LODE_ARGS(lode_str(said)), NULL, &result));
    child_say(&child, &result, sizeof result);
    child_await(&child);
    for (int i = 0; i < 3; i++) {
        remove_all();
        expect_back(story_dir(), names, NAMES);
    }
    child_signal(&child);
    child_must_end(&child);
    must(lode_cancel(db, result, 0));
    lode_close(db);
    close(fifo);

    db = cluster_open();
    kill_worker();
    increment(db);
    expect_refused(supervisor);
    lode_close(db);
    cluster_stop(supervisor);
}

int
main(int argc, char **argv)
{
    return story_run(argc, argv, 20, story);
}
