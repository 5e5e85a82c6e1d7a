/* The tasks of lode-bench: as little as a task can do. */
#include <lode/lode.h>
#include <poll.h>

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

/* An argument: a number that came along, or the result of another task. */
static lode_err
number(lode_task *task, size_t index, int64_t *value_out)
{
    lode_view view;
    lode_id id;
    if (lode_task_ref(task, index, &id) != LODE_OK) {
        return lode_task_i64(task, index, value_out);
    }
    LODE_TRY(lode_task_array(task, index, LODE_I64, 0, &view));
    *value_out = *(const int64_t *)view.data;
    return LODE_OK;
}

static lode_err
add(lode_task *task)
{
    int64_t x, y;
    LODE_TRY(number(task, 0, &x));
    LODE_TRY(number(task, 1, &y));
    return lode_task_return_i64(task, 0, x + y);
}

static const lode_function functions[] = {
    {"noop", "()", noop, 0},
    {"take", NULL, noop, 0},
    {"nap", "(ms: i64) -> i64", nap, 1},
    {"inc", "(x: i64) -> i64", inc, 1},
    {"add", "(x: i64, y: i64) -> i64", add, 1},
    {0},
};
LODE_LIBRARY("bench", functions, NULL);
