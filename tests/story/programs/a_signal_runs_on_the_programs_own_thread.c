/*
 * A program that calls tasks has threads of liblode's and of nng's: each of them blocks all
 * signals, so that the program's handlers run on threads of its own.
 *
 * This is no unit test: Criterion brings nng's threads with it, which it has started in its own
 * way.
 */
#include "tests/support/cluster.h"
#include "tests/support/story.h"

#include <dirent.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

enum { SIGNALS = 100, FEWEST_THREADS = 4 };

static volatile sig_atomic_t handled, strayed;

static void
handle(int number)
{
    (void)number;
    if (gettid() == getpid()) {
        handled++;
    } else {
        strayed++;
    }
}

/* All but those that no thread can block. */
static void
expect_all_blocked(const char *thread)
{
    char file[300], line[128];
    unsigned long long blocked = 0;
    snprintf(file, sizeof file, "/proc/self/task/%s/status", thread);
    FILE *status = fopen(file, "re");
    expect(status != NULL);
    while (fgets(line, sizeof line, status) != NULL) {
        (void)sscanf(line, "SigBlk: %llx", &blocked);
    }
    fclose(status);
    for (int number = SIGHUP; number <= SIGSYS; number++) {
        bool may_block = number != SIGKILL && number != SIGSTOP;
        expect(!may_block || (blocked >> (number - 1) & 1) == 1);
    }
}

/* They have inherited their mask: there is no moment at which one of them takes a signal. */
static void
look_at_threads(void)
{
    int others = 0;
    DIR *tasks = opendir("/proc/self/task");
    expect(tasks != NULL);
    for (struct dirent *task; (task = readdir(tasks)) != NULL;) {
        if (task->d_name[0] != '.' && atoi(task->d_name) != getpid()) {
            expect_all_blocked(task->d_name);
            others++;
        }
    }
    closedir(tasks);
    expect_le(FEWEST_THREADS, others);
}

static void
story(int argc, char **argv)
{
    (void)argc, (void)argv;
    lode_scheduler_stats stats;
    pid_t supervisor = cluster_start(1, 16 << 20);
    expect(signal(SIGUSR1, handle) != SIG_ERR);
    lode *db = cluster_open();
    must(lode_get_scheduler_stats(db, &stats));
    look_at_threads();
    for (int i = 1; i <= SIGNALS; i++) {
        expect_eq(kill(getpid(), SIGUSR1), 0);
        while (handled + strayed < i) {
        }
    }
    expect_eq(strayed, 0);
    lode_close(db);
    cluster_stop(supervisor);
}

int
main(int argc, char **argv)
{
    return story_run(argc, argv, 5, story);
}
