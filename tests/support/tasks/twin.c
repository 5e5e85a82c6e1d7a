/* A library of which there are two versions; twin_next.c is the second. */
#include <lode/lode.h>

#ifndef VERSION
#define VERSION 1
#endif

/* An argument is only waited for. */
static lode_err
version(lode_task *task)
{
    return lode_task_return_i64(task, 0, VERSION);
}

/* Has as many results as its version says. */
static lode_err
many(lode_task *task)
{
    for (size_t i = 0; i < VERSION; i++) {
        LODE_TRY(lode_task_return_i64(task, i, VERSION));
    }
    return LODE_OK;
}

/* Which version a task calls that is called by this one. */
static lode_err
below(lode_task *task)
{
    lode_id result;
    int64_t value;
    lode *db = lode_task_session(task);
    LODE_TRY(lode_call(db, "twin.version", LODE_NO_ARGS, NULL, &result));
    LODE_TRY(lode_get_i64(db, result, LODE_FOREVER, &value));
    return lode_task_return_i64(task, 0, value);
}

/* Loads a library; what its task calls then, and what it calls itself after that. */
static lode_err
load(lode_task *task)
{
    const char *path;
    LODE_TRY(lode_task_str(task, 0, &path));
    lode_err err = lode_load(lode_task_session(task), path);
    return err == LODE_OK ? below(task) : lode_fail(task, err, "%s", lode_last_error());
}

static const lode_function functions[] = {
    {"version", "(...) -> i64", version, 1},
    {"many", "() -> i64, …", many, VERSION},
    {"below", "() -> i64", below, 1},
    {"load", "(path: str) -> i64", load, 1},
    {0},
};
LODE_LIBRARY("twin", functions, NULL);
