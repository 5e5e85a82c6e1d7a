/*
 * The store cuts the session of a worker, whose process lives: the task that it runs, or gets next,
 * is another worker's, and nobody who waits for a result hangs. A program's, whose task runs: its
 * calls and its end do not wait.
 */
#include "api/layout/id.h"
#include "tests/support/cluster.h"
#include "tests/support/cut.h"
#include "tests/support/story.h"

#include <fcntl.h>
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

static char runs[256], go[256]; /* fifos of hold.until */

static int64_t
bounded(lode *db, lode_id result)
{
    int64_t value;
    must(lode_get_i64(db, result, bound_ms(10000), &value));
    lode_drop(db, result);
    return value;
}

static pid_t
pid_of_worker(lode *db)
{
    lode_id result;
    must(lode_call(db, "play.pid", LODE_NO_ARGS, NULL, &result));
    return (pid_t)bounded(db, result);
}

/* It may have been given a task before it ends: that runs elsewhere. */
static void
idle_ones_are_replaced(lode *db)
{
    lode_id result, array;
    const double one = 1;
    lode_array shape = {.dtype = LODE_F64, .ndim = 1, .shape = {1}};
    pid_t worker = pid_of_worker(db);
    cut_session(db, cut_session_of(worker));
    must(lode_call(db, "play.increment", LODE_ARGS(lode_i64(1)), NULL, &result));
    expect_eq(bounded(db, result), 2);
    expect(story_wait_end(worker, bound_ms(1000)));
    worker = pid_of_worker(db);
    must(lode_put_array(db, &shape, &one, 0, &array));
    cut_session(db, cut_session_of(worker));
    must(lode_call(db, "play.copy", LODE_ARGS(lode_ref(array)), NULL, &result));
    lode_view view;
    must(lode_get(db, result, bound_ms(10000), &view));
    expect_eq(*(const double *)view.data, 1);
    lode_release(&view);
    lode_drop(db, result);
    lode_drop(db, array);
    expect(story_wait_end(worker, bound_ms(1000)));
}

/* An end without a byte is that of a writer heard before, which was still about to close it. */
static void
hear(const char *fifo)
{
    char byte;
    ssize_t got = 0;
    while (got == 0) {
        int fd = open(fifo, O_RDONLY | O_CLOEXEC);
        expect_lt(-1, fd);
        got = read(fd, &byte, 1);
        close(fd);
    }
    expect_eq(got, 1);
}

static void
let_go(const char *fifo)
{
    int fd = open(fifo, O_WRONLY | O_CLOEXEC);
    expect_lt(-1, fd);
    expect_eq(write(fd, "g", 1), 1);
    close(fd);
}

/* What it makes would be lost: the task is charged with an attempt, and runs again elsewhere. */
static void
busy_ones_are_replaced(lode *db)
{
    lode_id result;
    pid_t worker = pid_of_worker(db);
    must(lode_call(db, "hold.until", LODE_ARGS(lode_str(runs), lode_str(go)), NULL, &result));
    hear(runs);
    cut_session(db, cut_session_of(worker)); /* it ends at once, whatever it is doing */
    hear(runs);
    let_go(go);
    expect_eq(bounded(db, result), 2); /* the second attempt */
    expect(story_wait_end(worker, bound_ms(1000)));
}

/* A program whose task runs: neither its calls nor its end wait for what it cannot get. */
static void
programs_are_told(lode *db)
{
    lode *victim = cluster_open();
    lode_id own, result;
    lode_view view;
    must(lode_put(victim, "x", 1, 0, &own));
    must(lode_call(victim, "hold.until", LODE_ARGS(lode_str(runs), lode_str(go)), NULL, &result));
    hear(runs);
    cut_session(db, lode_id_session(own));
    int64_t start = now_ms();
    fails(lode_call(victim, "play.pid", LODE_NO_ARGS, NULL, &own), LODE_EDOWN);
    fails(lode_get(victim, result, LODE_FOREVER, &view), LODE_EDOWN);
    fails(lode_wait(victim, &result, 1, 1, LODE_FOREVER, NULL, NULL), LODE_EDOWN);
    let_go(go); /* as long as it lives: the program's end may be its worker's, too */
    lode_close(victim);
    expect_lt(now_ms() - start, bound_ms(3000));
    expect_lt(0, pid_of_worker(db));
}

static void
story(int argc, char **argv)
{
    (void)argc, (void)argv;
    pid_t supervisor = cluster_start(1, 64 << 20);
    lode *db = cluster_open_with("play");
    cluster_offer("hold");
    idle_ones_are_replaced(db);
    snprintf(runs, sizeof runs, "%s/runs", story_files());
    snprintf(go, sizeof go, "%s/go", story_files());
    expect_eq(mkfifo(runs, 0600), 0);
    expect_eq(mkfifo(go, 0600), 0);
    busy_ones_are_replaced(db);
    programs_are_told(db);
    lode_close(db);
    cluster_stop(supervisor);
}

int
main(int argc, char **argv)
{
    return story_run(argc, argv, 10, story);
}
