/* A daemon's start, its end, and when it may start again; the daemon is a script. */
#include "tools/supervisor/service.h"

#include "api/base/clock.h"
#include "tests/support/scratch.h"

#include <criterion/criterion.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#define SECOND INT64_C(1000000000)

static char dir[] = "/tmp/lode-service-XXXXXX";
static char program[64];
static struct service one;
static int lifeline[2];

static void
setup(void)
{
    scratch_dir(dir);
    snprintf(program, sizeof program, "%s/lode-store", dir);
    service_init(&one, "lode-store");
}

static void
reap(int64_t now_ns)
{
    int status = 0;
    cr_assert_eq(waitpid(one.pid, &status, 0), one.pid);
    service_reaped(&one, status, now_ns);
}

static void
teardown(void)
{
    if (one.pid != 0) {
        kill(one.pid, SIGKILL);
        reap(lode_now_ns());
    }
    unlink(program);
    rmdir(dir);
}

TestSuite(service, .init = setup, .fini = teardown);

static void
write_program(const char *text)
{
    FILE *file = fopen(program, "w");
    fputs(text, file);
    fclose(file);
    chmod(program, 0700);
}

static lode_err
start(void)
{
    char ready[SPAWN_NUMBER_SIZE], lifeline_number[SPAWN_NUMBER_SIZE];
    const char *argv[] = {"lode-store", ready, lifeline_number, NULL};
    struct spawn_plan plan = {
        .path = program, .argv = argv, .lifeline_text = lifeline_number, .output = -1};
    cr_assert_eq(pipe2(lifeline, O_CLOEXEC), 0);
    plan.lifeline = lifeline[0];
    return service_start(&one, &plan, ready);
}

static bool
comes_up(void)
{
    struct pollfd ready = {.fd = one.ready_fd, .events = POLLIN};
    cr_assert_eq(poll(&ready, 1, 20000), 1);
    return service_read_ready(&one);
}

static const char obedient[] =
    "#!/bin/bash\ntrap 'exit 0' TERM\necho -n + >&$1\neval \"exec $1>&-\"\n"
    "while :; do sleep 1 & wait; done\n";

Test(service, is_up_once_it_says_so)
{
    write_program(obedient);
    cr_assert_eq(start(), LODE_OK, "%s", lode_last_error());
    cr_assert_not(one.ready);
    cr_assert_neq(one.deadline, LODE_NEVER);
    cr_assert(comes_up());
    cr_assert(one.ready);
    cr_assert_eq(one.deadline, LODE_NEVER);
    cr_assert_eq(one.ready_fd, -1);
}

/* The reopened lifeline ends when we close ours, and not before, whatever flags the child sets. */
Test(service, sees_the_end_of_its_lifeline)
{
    write_program("#!/bin/bash\necho -n + >&$1\nread nothing <&$2\nexit 7\n");
    cr_assert_eq(start(), LODE_OK);
    cr_assert(comes_up());
    cr_assert_eq(waitpid(one.pid, NULL, WNOHANG), 0);
    close(lifeline[1]);
    reap(lode_now_ns());
    cr_assert(WIFEXITED(one.status) && WEXITSTATUS(one.status) == 7);
}

Test(service, that_is_told_to_end_is_not_lost)
{
    write_program(obedient);
    cr_assert_eq(start(), LODE_OK);
    cr_assert(comes_up());
    service_stop(&one, 20000);
    reap(lode_now_ns());
    cr_assert(WIFEXITED(one.status) && WEXITSTATUS(one.status) == 0);
    cr_assert_not(one.lost);
    cr_assert_eq(one.failures, 0);
    cr_assert_eq(one.pid, 0);
}

Test(service, that_does_not_end_is_killed_when_its_time_is_up)
{
    write_program("#!/bin/bash\ntrap '' TERM\necho -n + >&$1\nwhile :; do sleep 1; done\n");
    cr_assert_eq(start(), LODE_OK);
    cr_assert(comes_up());
    service_stop(&one, 1000);
    service_enforce(&one, one.deadline - 1);
    cr_assert_neq(one.deadline, LODE_NEVER, "killed too early");
    service_enforce(&one, one.deadline);
    reap(lode_now_ns());
    cr_assert(WIFSIGNALED(one.status) && WTERMSIG(one.status) == SIGKILL);
}

Test(service, that_ends_before_it_is_up_is_lost)
{
    write_program("#!/bin/bash\nexit 3\n");
    cr_assert_eq(start(), LODE_OK);
    cr_assert_not(comes_up());
    reap(lode_now_ns());
    cr_assert(one.lost);
    cr_assert_eq(one.failures, 1);
}

Test(service, that_closes_its_ready_pipe_unready_is_killed)
{
    write_program("#!/bin/bash\neval \"exec $1>&-\"\nwhile :; do sleep 1; done\n");
    cr_assert_eq(start(), LODE_OK);
    cr_assert_not(comes_up());
    reap(lode_now_ns());
    cr_assert(WIFSIGNALED(one.status));
}

Test(service, that_is_not_there_is_an_error_with_its_path)
{
    cr_assert_eq(start(), LODE_ENOTFOUND);
    cr_assert_not_null(strstr(lode_last_error(), program));
    cr_assert_eq(one.pid, 0);
    cr_assert_eq(one.ready_fd, -1);
}

/* When the next one may start after `failures` ends in a row. */
static int64_t
backoff_after(unsigned failures, bool came_up)
{
    service_init(&one, "lode-store");
    for (unsigned i = 0; i < failures; i++) {
        one.ready = came_up;
        one.ready_ns = 5 * SECOND;
        service_reaped(&one, 9, 5 * SECOND);
    }
    return one.start_at - 5 * SECOND;
}

Test(service, that_never_comes_up_waits_twice_as_long_each_time_up_to_10_s)
{
    cr_assert_eq(backoff_after(1, false), SECOND / 10);
    cr_assert_eq(backoff_after(2, false), SECOND / 5);
    cr_assert_eq(backoff_after(5, false), SECOND * 16 / 10);
    cr_assert_eq(backoff_after(8, false), 10 * SECOND);
    cr_assert_eq(backoff_after(1000, false), 10 * SECOND);
}

Test(service, that_cannot_be_started_waits_as_one_that_does_not_come_up)
{
    one.told = true; /* the one before was told to end */
    service_not_started(&one, SECOND);
    cr_assert(one.lost);
    cr_assert_eq(one.start_at, SECOND + SECOND / 10);
    service_not_started(&one, 2 * SECOND);
    cr_assert_eq(one.start_at, 2 * SECOND + SECOND / 5);
}

Test(service, that_came_up_waits_a_second_at_most)
{
    cr_assert_eq(backoff_after(1, true), SECOND / 10);
    cr_assert_eq(backoff_after(3, true), SECOND * 4 / 10);
    cr_assert_eq(backoff_after(1000, true), SECOND);
}

Test(service, that_was_up_for_10_s_starts_again_soon)
{
    for (int i = 0; i < 20; i++) {
        service_reaped(&one, 9, SECOND);
    }
    one.ready = true;
    one.ready_ns = SECOND;
    service_reaped(&one, 9, 11 * SECOND);
    cr_assert_eq(one.start_at, 11 * SECOND + SECOND / 10);
}

Test(service, ends_are_described_for_people)
{
    char text[80];
    cr_assert_str_eq(service_describe_end(9, text, sizeof text), "was killed by signal 9 (Killed)");
    cr_assert_str_eq(service_describe_end(3 << 8, text, sizeof text), "exited with status 3");
}
