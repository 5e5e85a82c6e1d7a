/* Tasks that want more room than there is. */
#include <lode/lode.h>

#include <string.h>

static lode_err
one(lode_task *task)
{
    return lode_task_return_i64(task, 0, 1);
}

static lode_err
create(lode_task *task)
{
    lode_draft draft;
    LODE_TRY(lode_create(lode_task_session(task), 8 << 20, NULL, LODE_FOREVER, &draft));
    lode_abort(&draft);
    return lode_task_return_i64(task, 0, 1);
}

/* Small puts, until there is no room for one more. */
static lode_err
fill(lode_task *task)
{
    static const char bytes[1000];
    lode_id id;
    lode_err err;
    do {
        err = lode_put(lode_task_session(task), bytes, sizeof bytes, 0, &id);
    } while (err == LODE_OK);
    return err == LODE_EFULL ? LODE_OK : err;
}

static lode_err
put(lode_task *task)
{
    static const char bytes[1000];
    lode_id id;
    LODE_TRY(fill(task));
    LODE_TRY(lode_put(lode_task_session(task), bytes, sizeof bytes, LODE_FOREVER, &id));
    return lode_task_return_i64(task, 0, 1);
}

/* Puts for ever: sleeps as soon as there is no room, whatever room comes and goes. */
static lode_err
puts_on(lode_task *task)
{
    static const char bytes[1000];
    lode_err err;
    lode_id id;
    do {
        err = lode_put(lode_task_session(task), bytes, sizeof bytes, LODE_FOREVER, &id);
    } while (err == LODE_OK);
    return err;
}

/* The same by packets, since the ids are the caller's. */
static lode_err
puts_on_by_packet(lode_task *task)
{
    static const char bytes[1000];
    lode_create_options options = {.struct_size = sizeof options};
    lode_err err;
    do {
        LODE_TRY(lode_id_random(&options.id));
        err = lode_put_with(lode_task_session(task), bytes, sizeof bytes, &options, LODE_FOREVER,
                            NULL);
    } while (err == LODE_OK);
    return err;
}

static lode_err
result(lode_task *task)
{
    static const char bytes[2000];
    LODE_TRY(fill(task));
    return lode_task_return_bytes(task, 0, bytes, sizeof bytes);
}

static lode_err
bytes(lode_task *task)
{
    static const char data[1000];
    return lode_task_return_bytes(task, 0, data, sizeof data);
}

static const lode_function functions[] = {
    {"bytes", "() -> bytes", bytes, 1},   {"one", "() -> i64", one, 1},
    {"create", "() -> i64", create, 1},   {"put", "() -> i64", put, 1},
    {"puts_on", "()", puts_on, 0},        {"puts_on_by_packet", "()", puts_on_by_packet, 0},
    {"result", "() -> bytes", result, 1}, {0},
};
LODE_LIBRARY("room", functions, NULL);
