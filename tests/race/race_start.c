/*
 * Processes that start their links at the same moment, near the limit of threads: each has its
 * threads, or is told that they cannot be had; none of them dies in nng, or hangs. They run as a
 * user of their own, whose threads nobody else takes: that takes root, whom no such limit holds.
 */
#include "api/wire/start.h"
#include "tests/support/child.h"

#include <grp.h>
#include <poll.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <unistd.h>

enum {
    PROCESSES = 6,
    ROUNDS = 30,
    LEAST = 20, /* threads of all processes: too few for one of them */
    STEP = 4,   /* the last round has room for all but one or two, on a machine of two CPUs */
    USERS = 700000,
    END_MS = 20000
};

static void
be_limited(rlim_t threads)
{
    struct rlimit limit = {threads, threads};
    uid_t user = USERS + (uid_t)getppid();
    expect_eq(setgroups(0, NULL), 0);
    expect_eq(setgid(user), 0);
    expect_eq(setuid(user), 0);
    expect_eq(prctl(PR_SET_PDEATHSIG, SIGKILL),
              0); /* setuid() has cleared what child_start() set */
    expect_eq(setrlimit(RLIMIT_NPROC, &limit), 0);
}

/* Keeps the threads that it gets until all processes have tried. */
static void
start_links(struct child *parent, void *arg)
{
    be_limited(*(rlim_t *)arg);
    child_signal(parent);
    child_await(parent);
    lode_err err = lode_wire_start();
    child_say(parent, &err, sizeof err);
    child_await(parent);
    _exit(0);
}

static void
hear_of(struct child *child, int *started_io)
{
    lode_err err;
    struct pollfd end = {.fd = child->from, .events = POLLIN};
    expect_eq(poll(&end, 1, (int)bound_ms(END_MS)), 1); /* it does not hang */
    child_hear(child, &err, sizeof err);                /* nor dies */
    expect(err == LODE_OK || err == LODE_ELIMIT);
    *started_io += err == LODE_OK;
}

static int
start_at_once(rlim_t threads)
{
    struct child children[PROCESSES];
    int started = 0;
    for (int i = 0; i < PROCESSES; i++) {
        child_start(&children[i], start_links, &threads);
        child_await(&children[i]);
    }
    for (int i = 0; i < PROCESSES; i++) {
        child_signal(&children[i]);
    }
    for (int i = 0; i < PROCESSES; i++) {
        hear_of(&children[i], &started);
    }
    for (int i = 0; i < PROCESSES; i++) {
        child_signal(&children[i]);
        child_must_end(&children[i]);
    }
    return started;
}

int
main(void)
{
    int started = 0;
    if (getuid() != 0) {
        skip("only root can become a user of its own");
    }
    for (int i = 0; i < ROUNDS; i++) {
        started += start_at_once(LEAST + (rlim_t)(STEP * i));
    }
    expect_lt(0, started);
    expect_lt(started, ROUNDS * PROCESSES);
    return 0;
}
