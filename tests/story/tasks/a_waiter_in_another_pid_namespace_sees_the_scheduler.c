/*
 * A program in a pid namespace of its own, as in a container, waits for a result that another
 * program has asked for. The wait goes on while the scheduler lives, and ends when the scheduler
 * has ended.
 */
#include "tests/support/child.h"
#include "tests/support/cluster.h"
#include "tests/support/namespaces.h"
#include "tests/support/story.h"

#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

static void
wait_twice(struct child *parent)
{
    lode_id result;
    lode_view view;
    namespaces_settle();
    child_hear(parent, &result, sizeof result);
    lode *db = cluster_open();
    fails(lode_get(db, result, 1500, &view), LODE_ETIMEDOUT);
    child_signal(parent);
    fails(lode_get(db, result, LODE_FOREVER, &view), LODE_EDOWN);
    lode_close(db);
}

static void
waiter(struct child *parent, void *arg)
{
    int status;
    (void)arg;
    namespaces_leave();
    pid_t pid = fork();
    if (pid == 0) {
        wait_twice(parent);
        _exit(0);
    }
    expect_eq(waitpid(pid, &status, 0), pid);
    expect_eq(status, 0);
    _exit(
        0); /* no process can start here any more, and a sanitizer that looks for leaks wants one */
}

static void
story(int argc, char **argv)
{
    (void)argc, (void)argv;
    struct child child;
    lode_id result;
    char said[256];
    namespaces_need();
    child_start(&child, waiter, NULL);
    pid_t supervisor = cluster_start(1, 16 << 20);
    lode *db = cluster_open_with("play");
    int fifo = story_fifo(said, sizeof said, "said");
    must(lode_call(db, "play.loop_until_cancelled", LODE_ARGS(lode_str(said)), NULL, &result));
    child_say(&child, &result, sizeof result);
    child_await(&child);
    pid_t scheduler = story_process("lode-scheduler");
    kill(scheduler, SIGKILL);
    child_must_end(&child);
    close(fifo);
    lode_close(db);
    cluster_stop(supervisor);
}

int
main(int argc, char **argv)
{
    return story_run(argc, argv, 20, story);
}
