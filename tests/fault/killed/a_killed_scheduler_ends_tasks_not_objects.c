/*
 * kill -9 of the scheduler: pending results are LODE_EDOWN within a bound, the store serves on, and
 * the supervisor starts another scheduler. kill -9 of the supervisor: everything ends.
 * ctest: ci 20
 */
#include "tests/support/child.h"
#include "tests/support/cluster.h"
#include "tests/support/story.h"

#include <fcntl.h>
#include <lode/waitset.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

static void
make_fifo(char *path, size_t room, const char *name)
{
    snprintf(path, room, "%s/%s", story_files(), name);
    expect_eq(mkfifo(path, 0600), 0);
}

static void
await_byte(const char *path, char want)
{
    char byte = 0;
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    expect(fd >= 0 && read(fd, &byte, 1) == 1);
    close(fd);
    expect_eq(byte, want);
}

/* Beside an id that may still come, results that cannot come are handed out. */
static void
a_wait_does_not_hang_on_them(lode *db, lode_waitset *set, lode_id running, lode_id pending)
{
    lode_id ids[2] = {running, pending}, taken;
    size_t count = 0;
    bool ready[2] = {false, false};
    must(lode_waitset_take(set, LODE_FOREVER, &taken, 1, &count));
    expect(lode_id_equal(taken, running));
    fails(lode_waitset_take(set, 0, &taken, 1, &count), LODE_ETIMEDOUT);
    must(lode_wait(db, ids, 2, 1, LODE_FOREVER, ready, &count));
    expect_eq(count, 1);
    expect(ready[0] && !ready[1]);
    must(lode_wait(db, ids, 2, 1, 0, NULL, NULL));
    lode_waitset_close(set);
}

static void
pending_results_are_down(lode *db, const char *fifo)
{
    lode_scheduler_stats stats;
    lode_id running;
    lode_id queued;
    lode_id kept, pending;
    lode_waitset *set;
    lode_view view;
    must(lode_load(db, story_tasks("play")));
    must(lode_put(db, "kept", 4, 0, &kept));
    must(lode_call(db, "play.loop", LODE_ARGS(lode_str(fifo)), NULL, &running));
    await_byte(fifo, 'r');
    must(lode_call(db, "play.increment", LODE_ARGS(lode_i64(1)), NULL, &queued));
    must(lode_reserve(db, 1, &pending));
    must(lode_waitset_open(db, &set));
    must(lode_waitset_add(set, (lode_id[]){running, pending}, 2));
    must(lode_get_scheduler_stats(db, &stats));
    pid_t worker = story_process("lode-worker");
    int64_t killed = now_ms();
    kill((pid_t)stats.scheduler_pid, SIGKILL);
    a_wait_does_not_hang_on_them(db, set, running, pending);
    fails(lode_get(db, running, LODE_FOREVER, &view), LODE_EDOWN);
    fails(lode_get(db, queued, LODE_FOREVER, &view), LODE_EDOWN);
    expect_lt(now_ms() - killed, bound_ms(5000));
    expect(story_wait_end(worker, bound_ms(5000)));
    must(lode_get(db, kept, 0, &view)); /* the store serves on */
    expect(memcmp(view.data, "kept", 4) == 0);
    lode_release(&view);
    must(lode_put(db, "new", 3, 0, &kept));
}

/* A new session finds the next scheduler, as soon as it is there. */
static void
tasks_run_again(void)
{
    int64_t end = now_ms() + bound_ms(10000);
    lode_err err;
    do {
        lode *db = cluster_open();
        err = lode_load(db, story_tasks("play"));
        if (err == LODE_OK) {
            lode_id result;
            int64_t value;
            must(lode_call(db, "play.increment", LODE_ARGS(lode_i64(41)), NULL, &result));
            must(lode_get_i64(db, result, LODE_FOREVER, &value));
            expect_eq(value, 42);
        }
        lode_close(db);
    } while (err == LODE_EDOWN && now_ms() < end);
    must(err);
}

static void
the_supervisors_death_ends_all(pid_t supervisor)
{
    pid_t pids[64];
    lode *db = store_open();
    lode_id never;
    lode_view view;
    must(lode_id_random(&never));
    int count = story_processes(NULL, pids, 64);
    expect_le(3, count);
    daemon_kill(supervisor);
    for (int i = 0; i < count; i++) {
        expect(story_wait_end(pids[i], bound_ms(5000)));
    }
    fails(lode_get(db, never, LODE_FOREVER, &view), LODE_EDOWN);
    lode_close(db);
}

static void
story(int argc, char **argv)
{
    long rounds = count_argument(argc, argv, 1, 2);
    char fifo[256];
    make_fifo(fifo, sizeof fifo, "runs");
    pid_t supervisor = cluster_start(1, 32 << 20);
    for (long i = 0; i < rounds; i++) {
        lode *db = cluster_open();
        pending_results_are_down(db, fifo);
        lode_close(db);
        tasks_run_again();
    }
    the_supervisors_death_ends_all(supervisor);
    cluster_stop(cluster_start(1, 32 << 20)); /* sweeps what it left */
}

int
main(int argc, char **argv)
{
    return story_run(argc, argv, 20, story);
}
