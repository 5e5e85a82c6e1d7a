/*
 * lode_close() in a child after fork returns at once, also where a thread of the parent was waiting
 * at the fork for an answer, or was changing a table.
 */
#include "tests/support/child.h"
#include "tests/support/cluster.h"
#include "tests/support/story.h"

#include <pthread.h>
#include <signal.h>

static void *
ask_the_scheduler(void *db)
{
    lode_scheduler_stats stats;
    lode_err err = lode_get_scheduler_stats(db, &stats);
    expect(err == LODE_OK || err == LODE_ETIMEDOUT); /* the forks below may take their time */
    return NULL;
}

static void
child_closes(struct child *parent, void *arg)
{
    (void)parent;
    lode_close(arg);
}

/* The thread's request is with the link when the scheduler is stopped: its answer cannot come. */
static void
story(int argc, char **argv)
{
    (void)argc, (void)argv;
    enum { THREADS = 3 };
    pthread_t threads[THREADS];
    struct child child;
    lode_scheduler_stats stats;
    pid_t supervisor = cluster_start(1, 16 << 20);
    lode *db = cluster_open();
    must(lode_get_scheduler_stats(db, &stats));
    story_stop_process((pid_t)stats.scheduler_pid);
    for (int i = 0; i < THREADS; i++) {
        expect(pthread_create(&threads[i], NULL, ask_the_scheduler, db) == 0);
    }
    for (int i = 0; i < 20; i++) {
        child_start(&child, child_closes, db);
        child_must_end(&child);
    }
    kill((pid_t)stats.scheduler_pid, SIGCONT);
    for (int i = 0; i < THREADS; i++) {
        expect(pthread_join(threads[i], NULL) == 0);
    }
    lode_close(db);
    cluster_stop(supervisor);
}

int
main(int argc, char **argv)
{
    return story_run(argc, argv, 5, story);
}
