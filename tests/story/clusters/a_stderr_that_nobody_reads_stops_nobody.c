/*
 * A cluster whose stderr is a full pipe, terminal or socket that nobody reads serves on. Its
 * daemons have something to say each time that a stranger breaks the rules or a worker is killed.
 * They do not wait until it can be said.
 */
#include "tests/support/cluster.h"
#include "tests/support/story.h"

#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <termios.h>
#include <unistd.h>

enum { TIMES = 5 };

static void
open_pipe(int ends[2])
{
    expect_eq(pipe2(ends, O_CLOEXEC), 0);
}

static void
open_socket(int ends[2])
{
    expect_eq(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends), 0);
}

static void
open_terminal(int ends[2])
{
    struct termios raw;
    char name[64];
    ends[0] = posix_openpt(O_RDWR | O_NOCTTY | O_CLOEXEC);
    expect_le(0, ends[0]);
    expect_eq(unlockpt(ends[0]), 0);
    expect_eq(ptsname_r(ends[0], name, sizeof name), 0);
    ends[1] = open(name, O_RDWR | O_NOCTTY | O_CLOEXEC);
    expect_le(0, ends[1]);
    expect_eq(tcgetattr(ends[1], &raw), 0);
    cfmakeraw(&raw);
    expect_eq(tcsetattr(ends[1], TCSANOW, &raw), 0);
}

/* Small writes, and then some bytes are read: a terminal has a little room again. */
static void
fill(const int ends[2], bool leave_some)
{
    struct pollfd out = {.fd = ends[1], .events = POLLOUT};
    char piece[64] = {0};
    expect_eq(fcntl(ends[1], F_SETFL, O_NONBLOCK), 0);
    while (write(ends[1], piece, sizeof piece) > 0) {
    }
    expect_eq(fcntl(ends[1], F_SETFL, 0), 0);
    while (leave_some && poll(&out, 1, 1) == 0) {
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
serve(void (*open_stderr)(int ends[2]), bool leave_some)
{
    int ends[2];
    open_stderr(ends);
    fill(ends, leave_some);
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
    serve(open_pipe, false);
    serve(open_pipe, true);
    serve(open_terminal, false);
    serve(open_terminal, true);
    serve(open_socket, false);
    serve(open_socket, true);
}

int
main(int argc, char **argv)
{
    return story_run(argc, argv, 60, story);
}
