/*
 * The scheduler is dead, and the supervisor that would start another is stopped. Threads of one
 * session that call at once each learn it after the same five seconds, not one after the other.
 * Once the supervisor runs on, the session is served.
 */
#include "tests/support/cluster.h"
#include "tests/support/story.h"

#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <sys/syscall.h>
#include <unistd.h>

enum { THREADS = 4, ANSWER_MS = 5000 };

static void *
ask(void *arg)
{
    lode_scheduler_stats stats;
    int64_t began = now_ms();
    fails(lode_get_scheduler_stats(arg, &stats), LODE_EDOWN);
    expect_text(lode_last_error(), "has not come up");
    expect_lt(now_ms() - began, ANSWER_MS + bound_ms(1000));
    return NULL;
}

/* Its end is no event of ours: it is another's child, and its parent does not reap it now. */
static void
kill_scheduler(void)
{
    pid_t pid = story_process("lode-scheduler");
    struct pollfd ends = {.fd = (int)syscall(SYS_pidfd_open, pid, 0), .events = POLLIN};
    expect_le(0, ends.fd);
    kill(pid, SIGKILL);
    expect_eq(poll(&ends, 1, -1), 1);
    close(ends.fd);
}

static void
story(int argc, char **argv)
{
    (void)argc, (void)argv;
    pthread_t threads[THREADS];
    lode_scheduler_stats stats;
    pid_t supervisor = cluster_start(1, 16 << 20);
    lode *db = cluster_open();
    story_stop_process(supervisor);
    kill_scheduler();
    for (int i = 0; i < THREADS; i++) {
        expect_eq(pthread_create(&threads[i], NULL, ask, db), 0);
    }
    for (int i = 0; i < THREADS; i++) {
        pthread_join(threads[i], NULL);
    }
    kill(supervisor, SIGCONT);
    must(lode_get_scheduler_stats(db, &stats));
    lode_close(db);
    cluster_stop(supervisor);
}

int
main(int argc, char **argv)
{
    return story_run(argc, argv, 40, story);
}
