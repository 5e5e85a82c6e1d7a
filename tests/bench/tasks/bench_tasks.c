/* The tasks of lode-bench: as little as a task can do. */
#include <lode/lode.h>
#include <poll.h>
#include <stdio.h>

static lode_err
noop(lode_task *task)
{
    (void)task;
    return LODE_OK;
}

/* Takes as long as it is told, in ms: its result is awaited by others meanwhile. */
static lode_err
nap(lode_task *task)
{
    int64_t ms;
    LODE_TRY(lode_task_i64(task, 0, &ms));
    return poll(NULL, 0, (int)ms) == 0 ? lode_task_return_i64(task, 0, ms) : LODE_ESYS;
}

static lode_err
inc(lode_task *task)
{
    int64_t x;
    LODE_TRY(lode_task_i64(task, 0, &x));
    return lode_task_return_i64(task, 0, x + 1);
}

static lode_err
add(lode_task *task)
{
    int64_t x, y;
    LODE_TRY(lode_task_i64(task, 0, &x));
    LODE_TRY(lode_task_i64(task, 1, &y));
    return lode_task_return_i64(task, 0, x + y);
}

/* So many lines; each has its task's number and its own. */
static lode_err
print(lode_task *task)
{
    int64_t number, lines;
    LODE_TRY(lode_task_i64(task, 0, &number));
    LODE_TRY(lode_task_i64(task, 1, &lines));
    for (int64_t i = 0; i < lines; i++) {
        printf("%lld %lld\n", (long long)number, (long long)i);
    }
    return lode_task_return_i64(task, 0, lines);
}

/* A task for each call. */
static lode_err
fib(lode_task *task)
{
    lode *db = lode_task_session(task);
    int64_t n, sum = 0;
    lode_id part[2];
    LODE_TRY(lode_task_i64(task, 0, &n));
    if (n < 2) {
        return lode_task_return_i64(task, 0, n);
    }
    for (int i = 0; i < 2; i++) {
        LODE_TRY(lode_call(db, "bench.fib", LODE_ARGS(lode_i64(n - 1 - i)), NULL, &part[i]));
    }
    for (int i = 0; i < 2; i++) {
        int64_t value;
        LODE_TRY(lode_get_i64(db, part[i], LODE_FOREVER, &value));
        sum += value;
    }
    return lode_task_return_i64(task, 0, sum);
}

static const lode_function functions[] = {
    {"noop", "()", noop, 0},
    {"take", NULL, noop, 0},
    {"nap", "(ms: i64) -> i64", nap, 1},
    {"inc", "(x: i64) -> i64", inc, 1},
    {"add", "(x: i64, y: i64) -> i64", add, 1},
    {"print", "(task: i64, lines: i64) -> i64", print, 1},
    {"fib", "(n: i64) -> i64", fib, 1},
    {0},
};
LODE_LIBRARY("bench", functions, NULL);
