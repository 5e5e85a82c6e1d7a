/*
 * A program that cannot start a thread, whichever of them it is, gets an error that says what to
 * raise; once it can, it calls tasks. The scheduler says the same, and ends.
 */
#include "tests/starve/starve.h"
#include "tests/support/cluster.h"
#include "tests/support/story.h"

#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { TEXT = 4096 };

static int
kind_of(const char *name)
{
    int kind = 0;
    while (strcmp(starve_kinds[kind], name) != 0) {
        kind++;
    }
    return kind;
}

/* The n-th thread and all after it cannot be started. */
static void
is_told(lode *db, long n)
{
    lode_scheduler_stats stats;
    starve_arm(kind_of("thread"), n, STARVE_ALL);
    lode_err err = lode_get_scheduler_stats(db, &stats);
    expect(starve_disarm());
    expect_eq(err, LODE_ELIMIT);
    expect_text(lode_last_error(), "ulimit -u");
    expect_text(lode_last_error(), "pids.max");
}

/* None of its threads can be started; then one can, and so on, until one is missing. */
static void
the_program_is_told(lode *db)
{
    int needed = 0;
    lode_scheduler_stats stats;
    is_told(db, 1);
    is_told(db, 2); /* one thread stays, from here on */
    const char *number = strstr(lode_last_error(), "needs ");
    expect(number != NULL && sscanf(number, "needs %d threads", &needed) == 1);
    expect_lt(9, needed);
    for (int n = 1; n <= needed; n++) {
        is_told(db, n);
    }
    must(lode_get_scheduler_stats(db, &stats));
}

/*
 * The thread that watches the scheduler cannot be started, and the scheduler dies before the next
 * call. That call finds the new one.
 */
static void
an_unwatched_scheduler_may_die(void)
{
    lode *user = cluster_open(), *db = cluster_open();
    lode_scheduler_stats stats;
    must(lode_get_scheduler_stats(user, &stats)); /* nng's threads, and its own, are there */
    starve_arm(kind_of("thread"), 1, 1);
    fails(lode_get_scheduler_stats(db, &stats), LODE_ELIMIT);
    expect(starve_disarm());
    expect_text(lode_last_error(), "ulimit -u");
    kill((pid_t)stats.scheduler_pid, SIGKILL);
    do { /* it waits for a scheduler that is replaced, but not for one that has yet to die */
        lode_close(user);
        user = cluster_open();
    } while (lode_get_scheduler_stats(user, &stats) != LODE_OK);
    must(lode_get_scheduler_stats(db, &stats));
    lode_close(db);
    lode_close(user);
}

static void
the_scheduler_says_so(int n)
{
    const char *argv[] = {"lode-scheduler", NULL};
    char said[TEXT], text[TEXT], wish[64];
    snprintf(wish, sizeof wish, "lode-scheduler thread %d %d", n, STARVE_ALL);
    setenv("LD_PRELOAD", story_tasks("starve"), 1);
    setenv("STARVE", wish, 1);
    int status = program_run(argv, said, text, TEXT);
    unsetenv("LD_PRELOAD");
    unsetenv("STARVE");
    expect_eq(status, 1);
    expect_text(text, "ulimit -u");
}

static void
story(int argc, char **argv)
{
    (void)argc, (void)argv;
    for (int n = 1; n <= 11; n++) {
        the_scheduler_says_so(n);
    }
    pid_t supervisor = cluster_start(1, 16 << 20);
    lode *db = cluster_open();
    the_program_is_told(db);
    lode_close(db);
    an_unwatched_scheduler_may_die();
    cluster_stop(supervisor);
}

int
main(int argc, char **argv)
{
    return story_run(argc, argv, 10, story);
}
