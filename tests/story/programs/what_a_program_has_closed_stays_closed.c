/*
 * A program that was started without stdin, stdout and stderr has none after lode_open() either: no
 * socket of ours becomes its stderr, and what it prints goes into none. That holds for a store
 * alone, for calls of tasks, and for a private cluster. Programs of ours have /dev/null there.
 */
#include "tests/support/child.h"
#include "tests/support/cluster.h"
#include "tests/support/story.h"

#include <fcntl.h>
#include <stdio.h>
#include <sys/resource.h>
#include <unistd.h>

enum { LARGE = 1 << 20, HIGH = 64 };

static int errors; /* a copy of stderr, for what fails */

/* Moves the story's own pipes up, out of the way. */
static void
close_stdio(struct child *parent)
{
    parent->to = fcntl(parent->to, F_DUPFD_CLOEXEC, HIGH);
    parent->from = fcntl(parent->from, F_DUPFD_CLOEXEC, HIGH);
    errors = fcntl(STDERR_FILENO, F_DUPFD_CLOEXEC, HIGH);
    expect(parent->to >= 0 && parent->from >= 0 && errors >= 0);
    for (int fd = STDIN_FILENO; fd <= STDERR_FILENO; fd++) {
        close(fd);
    }
}

static void
expect_stdio_closed(void)
{
    for (int fd = STDIN_FILENO; fd <= STDERR_FILENO; fd++) {
        bool is_closed = fcntl(fd, F_GETFD) == -1;
        if (!is_closed) {
            dup2(errors, STDERR_FILENO);
        }
        expect(is_closed);
    }
}

static void
use_the_store(lode *db)
{
    static const char bytes[LARGE];
    lode_id id;
    lode_view view;
    must(lode_put(db, bytes, sizeof bytes, LODE_FOREVER, &id));
    must(lode_get(db, id, LODE_FOREVER, &view));
    lode_release(&view);
    lode_drop(db, id);
    expect_stdio_closed();
}

static void
call_a_task(lode *db)
{
    const double numbers[] = {1, 2};
    lode_array array = {.dtype = LODE_F64, .ndim = 1, .shape = {2}};
    double sum = 0;
    lode_id x, result;
    must(lode_put_array(db, &array, numbers, LODE_FOREVER, &x));
    must(lode_call(db, "blas.sum", LODE_ARGS(lode_ref(x)), NULL, &result));
    must(lode_get_f64(db, result, LODE_FOREVER, &sum));
    expect(sum == 3);
    lode_drop(db, x);
    lode_drop(db, result);
    expect_stdio_closed();
}

static void
attached(struct child *parent, void *arg)
{
    struct rlimit files = {*(rlim_t *)arg, *(rlim_t *)arg};
    close_stdio(parent);
    expect_eq(setrlimit(RLIMIT_NOFILE, &files), 0);
    lode *db = cluster_open();
    expect_stdio_closed();
    use_the_store(db);
    call_a_task(db);
    lode_close(db);
    expect_stdio_closed();
    _exit(0);
}

static void private(struct child *parent, void *arg)
{
    (void)arg;
    close_stdio(parent);
    lode *db = private_open();
    expect_stdio_closed();
    call_a_task(db);
    lode_close(db);
    expect_stdio_closed();
    _exit(0);
}

static void
expect_null(pid_t pid, int fd)
{
    char path[64], target[64] = "";
    snprintf(path, sizeof path, "/proc/%d/fd/%d", (int)pid, fd);
    expect_lt(0, readlink(path, target, sizeof target - 1));
    expect_text(target, "/dev/null");
}

static void
starts_a_store(struct child *parent, void *arg)
{
    (void)arg;
    close_stdio(parent);
    pid_t store = store_start(16 << 20);
    for (int fd = STDIN_FILENO; fd <= STDERR_FILENO; fd++) {
        expect_null(store, fd);
    }
    daemon_stop(store);
    _exit(0);
}

static void
run_child(child_fn run, void *arg)
{
    struct child child;
    child_start(&child, run, arg);
    child_must_end(&child);
}

static void
story(int argc, char **argv)
{
    rlim_t usual = 1024, small = 100;
    (void)argc, (void)argv;
    run_child(private, NULL);
    run_child(starts_a_store, NULL);
    pid_t cluster = cluster_start(1, 32 << 20);
    run_child(attached, &usual);
    run_child(attached, &small);
    cluster_stop(cluster);
}

int
main(int argc, char **argv)
{
    return story_run(argc, argv, 60, story);
}
