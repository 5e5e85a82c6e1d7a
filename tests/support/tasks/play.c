/*
 * The task library that the stories call: functions that work, and functions that fail in every
 * way.
 */
#include <lode/lode.h>

#include "tests/support/tasks/say.h"

#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

static lode_err
nothing(lode_task *task)
{
    (void)task;
    return LODE_OK;
}

static lode_err
increment(lode_task *task)
{
    int64_t x;
    LODE_TRY(lode_task_i64(task, 0, &x));
    return lode_task_return_i64(task, 0, x + 1);
}

static lode_err
halves(lode_task *task)
{
    double x;
    LODE_TRY(lode_task_f64(task, 0, &x));
    LODE_TRY(lode_task_return_f64(task, 0, x / 2));
    return lode_task_return_f64(task, 1, x - x / 2);
}

/* An array or a blob in, its bytes out, in memory of the store. */
static lode_err
copy(lode_task *task)
{
    lode_view view;
    void *data;
    LODE_TRY(lode_task_view(task, 0, &view));
    LODE_TRY(lode_task_result(task, 0, &view.array, &data));
    memcpy(data, view.data, view.size);
    return LODE_OK;
}

static lode_err
first_word(lode_task *task)
{
    lode_view view;
    int64_t word;
    LODE_TRY(lode_task_view(task, 0, &view));
    if (view.size < sizeof word) {
        return lode_fail(task, LODE_EINVAL, "%zu bytes hold no word", view.size);
    }
    memcpy(&word, view.data, sizeof word);
    return lode_task_return_i64(task, 0, word);
}

/* What a function can ask about itself and its arguments, as one text. */
static lode_err
describe(lode_task *task)
{
    char text[256];
    int64_t i;
    double f;
    const char *s;
    lode_id id;
    lode_view array;
    LODE_TRY(lode_task_i64(task, 0, &i));
    LODE_TRY(lode_task_f64(task, 1, &f));
    LODE_TRY(lode_task_str(task, 2, &s));
    LODE_TRY(lode_task_ref(task, 3, &id));
    LODE_TRY(lode_task_array(task, 3, LODE_F64, 1, &array));
    int size =
        snprintf(text, sizeof text, "%s %zu %lld %g %s %g %d %d", lode_task_function(task),
                 lode_task_arg_count(task), (long long)i, f, s, ((const double *)array.data)[0],
                 lode_task_threads(task), lode_task_attempt(task));
    return lode_task_return_bytes(task, 0, text, (size_t)size);
}

static lode_err
my_pid(lode_task *task)
{
    return lode_task_return_i64(task, 0, getpid());
}

/* One byte more in the file for each execution. */
static lode_err
mark(const char *path)
{
    int fd = open(path, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0600);
    if (fd < 0 || write(fd, "x", 1) != 1) {
        return LODE_ESYS;
    }
    close(fd);
    return LODE_OK;
}

static lode_err
mark_file(lode_task *task)
{
    const char *path;
    LODE_TRY(lode_task_str(task, 0, &path));
    return mark(path);
}

/* Calls another task and waits for it: while it waits, its CPU is another's. */
static lode_err
parent(lode_task *task)
{
    lode *db = lode_task_session(task);
    lode_id child;
    int64_t x;
    LODE_TRY(lode_task_i64(task, 0, &x));
    LODE_TRY(lode_call(db, "play.increment", LODE_ARGS(lode_i64(x)), NULL, &child));
    LODE_TRY(lode_get_i64(db, child, LODE_FOREVER, &x));
    return lode_task_return_i64(task, 0, x + 1);
}

/* The same with the word that an object holds. */
static lode_err
parent_of_word(lode_task *task)
{
    lode *db = lode_task_session(task);
    lode_view view;
    lode_id child;
    int64_t x;
    LODE_TRY(lode_task_view(task, 0, &view));
    memcpy(&x, view.data, sizeof x);
    LODE_TRY(lode_call(db, "play.increment", LODE_ARGS(lode_i64(x)), NULL, &child));
    LODE_TRY(lode_get_i64(db, child, LODE_FOREVER, &x));
    return lode_task_return_i64(task, 0, x + 1);
}

static lode_err
fail_with(lode_task *task)
{
    const char *why;
    LODE_TRY(lode_task_str(task, 0, &why));
    return lode_fail(task, LODE_EINVAL, "it said: %s", why);
}

/* Returns that number, and says nothing. */
static lode_err
return_number(lode_task *task)
{
    int64_t number;
    LODE_TRY(lode_task_i64(task, 0, &number));
    return (lode_err)number;
}

static lode_err
forget_result(lode_task *task)
{
    (void)task;
    return LODE_OK;
}

static void
no_core(void)
{
    struct rlimit none = {0, 0};
    setrlimit(RLIMIT_CORE, &none);
}

static lode_err
crash(lode_task *task)
{
    (void)task;
    no_core();
    volatile int *volatile nowhere = (volatile int *)64; /* no page lies there */
    *nowhere = 1;
    return LODE_OK;
}

static lode_err
call_abort(lode_task *task)
{
    (void)task;
    no_core();
    abort();
}

static lode_err
call_exit(lode_task *task)
{
    int64_t status;
    LODE_TRY(lode_task_i64(task, 0, &status));
    _exit((int)status);
}

/* Dies by kill -9 until the attempt with that number; marks each start; gives the attempt. */
static lode_err
die_until(lode_task *task)
{
    int64_t last;
    const char *path;
    LODE_TRY(lode_task_i64(task, 0, &last));
    LODE_TRY(lode_task_str(task, 1, &path));
    LODE_TRY(mark(path));
    if (lode_task_attempt(task) < last) {
        raise(SIGKILL);
    }
    return lode_task_return_i64(task, 0, lode_task_attempt(task));
}

/* Says by a byte into a fifo that it runs, and then never ends by itself. */
static lode_err
tell(const char *path, const char *byte)
{
    int fd = open(path, O_WRONLY | O_CLOEXEC);
    if (fd < 0 || write(fd, byte, 1) != 1) {
        return LODE_ESYS;
    }
    close(fd);
    return LODE_OK;
}

static lode_err
loop(lode_task *task)
{
    const char *path;
    LODE_TRY(lode_task_str(task, 0, &path));
    LODE_TRY(tell(path, "r"));
    for (;;) {
        pause();
    }
}

/* The same, but it looks whether anybody still wants it, and says so. */
static lode_err
loop_until_cancelled(lode_task *task)
{
    const char *path;
    LODE_TRY(lode_task_str(task, 0, &path));
    LODE_TRY(tell(path, "r"));
    while (!lode_task_cancelled(task)) {
    }
    LODE_TRY(tell(path, "c"));
    return LODE_ECANCELLED;
}

/* liblode's hang at 900 and above. */
enum { DESCRIPTORS = 1024 };

/* Ends the worker's session with the store, and gives a result that the store will never see. */
static lode_err
cut_off(lode_task *task)
{
    for (int fd = 3; fd < DESCRIPTORS; fd++) {
        struct sockaddr_un peer = {0};
        socklen_t size = sizeof peer;
        if (getpeername(fd, (struct sockaddr *)&peer, &size) == 0 &&
            strstr(peer.sun_path, "/store.sock") != NULL) {
            char byte;
            shutdown(fd, SHUT_WR);
            while (recv(fd, &byte, 1, 0) != 0) { /* the store has closed its side, too */
            }
        }
    }
    return lode_task_return_i64(task, 0, 1);
}

/* The worker's descriptors are its own, but a function can reach them. */
static lode_err
close_all(lode_task *task)
{
    for (int fd = 3; fd < DESCRIPTORS; fd++) {
        close(fd);
    }
    return lode_task_return_i64(task, 0, 1);
}

static const lode_function functions[] = {
    {"nothing", "()", nothing, 0},
    {"increment", "(x: i64) -> i64", increment, 1},
    {"halves", "(x: f64) -> f64, f64", halves, 2},
    {"copy", "(x: any) -> any", copy, 1},
    {"first_word", "(x: any) -> i64", first_word, 1},
    {"describe", "(i: i64, f: f64, s: str, a: f64[n]) -> bytes", describe, 1},
    {"say", "(text: str)", say, 0},
    {"pid", "() -> i64", my_pid, 1},
    {"mark", "(path: str)", mark_file, 0},
    {"parent", "(x: i64) -> i64", parent, 1},
    {"parent_of_word", "(word: array) -> i64", parent_of_word, 1},
    {"fail", "(why: str) -> i64", fail_with, 1},
    {"return", "(err: i64)", return_number, 0},
    {"forget", "() -> i64", forget_result, 1},
    {"crash", "() -> i64", crash, 1},
    {"abort", "() -> i64", call_abort, 1},
    {"exit", "(status: i64) -> i64", call_exit, 1},
    {"die_until", "(attempt: i64, path: str) -> i64", die_until, 1},
    {"loop", "(path: str)", loop, 0},
    {"loop_until_cancelled", "(path: str)", loop_until_cancelled, 0},
    {"cut_off", "() -> i64", cut_off, 1},
    {"close_all", "() -> i64", close_all, 1},
    {0},
};
LODE_LIBRARY("play", functions, NULL);
