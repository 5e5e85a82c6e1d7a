/*
 * A program whose first call still connects to the scheduler forks. The child lives on when the
 * program is killed. The program's task is told to stop all the same: the child has no copy of the
 * socket whose end the scheduler takes for the program's end.
 */
#include "tests/support/child.h"
#include "tests/support/cluster.h"
#include "tests/support/story.h"

#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

enum { DESCRIPTORS = 1024 };

static int hold[2]; /* the grandchild lives until our end of it is closed */

static char said[128]; /* a fifo that the task says into that it runs */

static void *
connects(void *arg)
{
    lode_scheduler_stats stats;
    must(lode_get_scheduler_stats(arg, &stats));
    return NULL;
}

static bool
has_connected(void)
{
    for (int fd = 3; fd < DESCRIPTORS; fd++) {
        struct sockaddr_un peer = {0};
        socklen_t size = sizeof peer;
        if (getpeername(fd, (struct sockaddr *)&peer, &size) == 0 &&
            strstr(peer.sun_path, "/scheduler.sock") != NULL) {
            return true;
        }
    }
    return false;
}

static void
program(struct child *parent, void *arg)
{
    pthread_t thread;
    lode_id result;
    (void)arg;
    lode *db = cluster_open();
    must(pthread_create(&thread, NULL, connects, db));
    while (!has_connected()) { /* then it waits for the welcome */
    }
    pid_t pid = fork();
    if (pid == 0) {
        char byte;
        close(hold[1]);
        _exit(read(hold[0], &byte, 1) == 0 ? 0 : 1);
    }
    child_say(parent, &pid, sizeof pid);
    must(pthread_join(thread, NULL));
    must(lode_load(db, story_tasks("play")));
    must(lode_call(db, "play.loop_until_cancelled", LODE_ARGS(lode_str(said)), NULL, &result));
    child_await(parent);
}

static void
await_running(lode *db, uint64_t want)
{
    lode_scheduler_stats stats;
    do {
        must(lode_get_scheduler_stats(db, &stats));
    } while (stats.tasks_running != want);
}

static void
story(int argc, char **argv)
{
    struct child child;
    pid_t grandchild;
    int status;
    (void)argc, (void)argv;
    snprintf(said, sizeof said, "%s/said", story_files());
    expect(mkfifo(said, 0600) == 0);
    int reader = open(said, O_RDWR | O_CLOEXEC);
    expect(pipe2(hold, O_CLOEXEC) == 0);
    expect(prctl(PR_SET_CHILD_SUBREAPER, 1) == 0);
    pid_t supervisor = cluster_start(1, 16 << 20);
    pid_t scheduler = story_process("lode-scheduler");
    story_stop_process(scheduler);
    child_start(&child, program, NULL);
    child_hear(&child, &grandchild, sizeof grandchild);
    kill(scheduler, SIGCONT);
    lode *db = cluster_open();
    await_running(db, 1);
    child_kill(&child);
    await_running(db, 0);
    expect_eq(waitpid(grandchild, &status, WNOHANG), 0); /* it lives */
    close(hold[1]);
    expect_eq(waitpid(grandchild, &status, 0), grandchild);
    expect_eq(status, 0);
    close(hold[0]);
    close(reader);
    lode_close(db);
    cluster_stop(supervisor);
}

int
main(int argc, char **argv)
{
    return story_run(argc, argv, 20, story);
}
