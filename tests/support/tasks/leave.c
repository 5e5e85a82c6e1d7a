/* Functions that return without ending what they hold. */
#include <lode/lode.h>
#include <lode/waitset.h>

#include <string.h>

enum { LARGE = 1 << 20 };

/* Puts small and large, keeps the argument, looks at it, begins to write: and just returns. */
static lode_err
everything(lode_task *task)
{
    static char large[LARGE];
    lode *db = lode_task_session(task);
    lode_id arg, id;
    lode_view view;
    lode_draft draft;
    LODE_TRY(lode_task_ref(task, 0, &arg));
    for (int i = 0; i < 3; i++) {
        LODE_TRY(lode_keep(db, arg));
        LODE_TRY(lode_get(db, arg, 0, &view));
        LODE_TRY(lode_put(db, "small", 5, LODE_FOREVER, &id));
        LODE_TRY(lode_put(db, large, sizeof large, LODE_FOREVER, &id));
        LODE_TRY(lode_get(db, id, 0, &view));
        LODE_TRY(lode_create(db, LARGE, NULL, LODE_FOREVER, &draft));
    }
    lode_release(&view); /* some is ended in good order */
    lode_abort(&draft);
    lode_drop(db, id);
    return LODE_OK;
}

static lode_err
everything_and_fail(lode_task *task)
{
    LODE_TRY(everything(task));
    return lode_fail(task, LODE_ECORRUPT, "after taking all that");
}

/* A child that needs what only its parent held, and whose result nobody takes. */
static lode_err
an_orphan(lode_task *task)
{
    lode *db = lode_task_session(task);
    lode_id id, result;
    int64_t word = 41;
    LODE_TRY(lode_put(db, &word, sizeof word, LODE_FOREVER, &id));
    LODE_TRY(lode_call(db, "play.first_word", LODE_ARGS(lode_ref(id)), NULL, &result));
    return LODE_OK;
}

/* With an id that never comes, and a descriptor. */
static lode_err
a_wait_set(lode_task *task)
{
    lode *db = lode_task_session(task);
    lode_waitset *set;
    lode_id never;
    int fd;
    LODE_TRY(lode_id_random(&never));
    LODE_TRY(lode_waitset_open(db, &set));
    LODE_TRY(lode_waitset_add(set, &never, 1));
    return lode_waitset_fd(set, &fd);
}

/* The name keeps what the task does not. */
static lode_err
a_name(lode_task *task)
{
    lode *db = lode_task_session(task);
    lode_id id;
    LODE_TRY(lode_put(db, "kept", 4, LODE_FOREVER, &id));
    return lode_name_set(db, NULL, "left-behind", id, 0);
}

/* A large result that is begun, and an error instead. */
static lode_err
half_a_result(lode_task *task)
{
    lode_array array = {.dtype = LODE_U8, .ndim = 1, .shape = {LARGE}};
    void *data;
    LODE_TRY(lode_task_result(task, 0, &array, &data));
    memset(data, 1, LARGE);
    return LODE_ECORRUPT;
}

/* Asks for a library that nobody has asked for yet. */
static lode_err
first_to_call(lode_task *task)
{
    lode *db = lode_task_session(task);
    lode_array array = {.dtype = LODE_F64, .ndim = 1, .shape = {3}};
    static const double numbers[3] = {1, 2, 4};
    lode_id id, result;
    double sum;
    LODE_TRY(lode_put_array(db, &array, numbers, LODE_FOREVER, &id));
    LODE_TRY(lode_call(db, "blas.sum", LODE_ARGS(lode_ref(id)), NULL, &result));
    LODE_TRY(lode_get_f64(db, result, LODE_FOREVER, &sum));
    return lode_task_return_f64(task, 0, sum);
}

static const lode_function functions[] = {
    {"first_to_call", "() -> f64", first_to_call, 1},
    {"everything", "(x: any)", everything, 0},
    {"everything_and_fail", "(x: any)", everything_and_fail, 0},
    {"orphan", "()", an_orphan, 0},
    {"name", "()", a_name, 0},
    {"wait_set", "()", a_wait_set, 0},
    {"half", "() -> u8[n]", half_a_result, 1},
    {0},
};
LODE_LIBRARY("leave", functions, NULL);
