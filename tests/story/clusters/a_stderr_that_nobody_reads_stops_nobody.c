/*
 * A cluster whose stderr is a full pipe, terminal or socket that nobody reads serves on. Its
 * daemons have something to say each time that a stranger breaks the rules or a worker is killed.
 * They do not wait until it can be said.
 */
#include "tests/support/cluster.h"
#include "tests/support/story.h"
#include "tests/support/unread.h"

#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

enum { TIMES = 5 };

/* A little is read: a terminal has room again, but not for a line. */
static void
leave_some_room(const int ends[2])
{
    struct pollfd out = {.fd = ends[1], .events = POLLOUT};
    char piece[64];
    while (poll(&out, 1, 1) == 0) {
        expect_lt(0, read(ends[0], piece, sizeof piece));
    }
}

/* stderr, filled up; what was there is returned, to be put back. */
static int
take_stderr(const int ends[2])
{
    int saved = dup(STDERR_FILENO);
    expect_eq(dup2(ends[1], STDERR_FILENO), STDERR_FILENO);
    return saved;
}

static void
break_the_rules_of_the_store(void)
{
    struct sockaddr_un at = {.sun_family = AF_UNIX};
    char byte;
    int fd = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0);
    snprintf(at.sun_path, sizeof at.sun_path, "%s/store.sock", story_dir());
    expect_eq(connect(fd, (struct sockaddr *)&at, sizeof at), 0);
    expect_eq(send(fd, "rubbish", 7, MSG_NOSIGNAL), 7);
    while (recv(fd, &byte, 1, 0) > 0) { /* the store cuts it, and says why */
    }
    close(fd);
}

static void
call_a_task(lode *db)
{
    int64_t two = 0;
    lode_id result;
    must(lode_call(db, "play.increment", LODE_ARGS(lode_i64(1)), NULL, &result));
    must(lode_get_i64(db, result, bound_ms(10000), &two));
    expect_eq(two, 2);
    lode_drop(db, result);
}

static void
kill_a_worker(void)
{
    pid_t worker = 0;
    expect_lt(0, story_processes("lode-worker", &worker, 1));
    kill(worker, SIGKILL);
}

static void
serve(enum unread kind, bool leave_some)
{
    int ends[2];
    unread_open(kind, ends);
    unread_fill(ends);
    if (leave_some) {
        leave_some_room(ends);
    }
    int saved = take_stderr(ends);
    pid_t cluster = cluster_start(1, 16 << 20);
    expect_eq(dup2(saved, STDERR_FILENO), STDERR_FILENO);
    lode *db = cluster_open_with("play");
    for (int i = 0; i < TIMES; i++) {
        call_a_task(db);
        break_the_rules_of_the_store();
        kill_a_worker();
    }
    call_a_task(db);
    lode_close(db);
    cluster_stop(cluster);
    close(ends[0]);
    close(ends[1]);
    close(saved);
}

static void
story(int argc, char **argv)
{
    (void)argc, (void)argv;
    for (enum unread kind = UNREAD_PIPE; kind < UNREAD_KINDS; kind++) {
        serve(kind, false);
        serve(kind, true);
    }
}

int
main(int argc, char **argv)
{
    return story_run(argc, argv, 60, story);
}
