/*
 * What a task calls, in a worker that has libstarve.so preloaded: one call of liblode's for memory,
 * a map, a file or a thread fails, and a few with it. See tests/starve/starve.h.
 */
#include <lode/lode.h>

#include <dlfcn.h>
#include <stdbool.h>
#include <string.h>

enum { LARGE = 300000, NUMBER = 7 };

/* libstarve's, if it is there. */
static struct {
    void (*arm)(int kind, long n, long count);
    bool (*disarm)(void);
    long (*blocks)(bool ours);
} starve;

static lode_err
find_starve(lode_task *task)
{
    starve.arm = (void (*)(int, long, long))dlsym(RTLD_DEFAULT, "starve_arm");
    starve.disarm = (bool (*)(void))dlsym(RTLD_DEFAULT, "starve_disarm");
    starve.blocks = (long (*)(bool))dlsym(RTLD_DEFAULT, "starve_blocks");
    return starve.arm != NULL && starve.disarm != NULL && starve.blocks != NULL
               ? LODE_OK
               : lode_fail(task, LODE_EUNSUPPORTED, "libstarve.so is not preloaded");
}

/* Arguments: kind, n, count, a text, an array of f64. */
static lode_err
read_arguments(lode_task *task)
{
    int64_t n;
    double f;
    const char *text;
    lode_id id;
    lode_view view, array;
    LODE_TRY(lode_task_i64(task, 1, &n));
    LODE_TRY(lode_task_str(task, 3, &text));
    LODE_TRY(lode_task_ref(task, 4, &id));
    LODE_TRY(lode_task_view(task, 4, &view));
    LODE_TRY(lode_task_array(task, 4, LODE_F64, 1, &array));
    if (lode_task_f64(task, 3, &f) != LODE_ETYPE) {
        return lode_fail(task, LODE_EINVAL, "a text was read as a f64");
    }
    bool odd = lode_task_arg_count(task) != 5 || lode_task_cancelled(task) ||
               lode_task_threads(task) < 1 || lode_task_attempt(task) < 1 ||
               lode_task_session(task) == NULL || strchr(lode_task_function(task), '.') == NULL;
    return odd ? lode_fail(task, LODE_EINVAL, "the task does not know itself") : LODE_OK;
}

/* Results 1 to 4, of those that were not given yet. */
static lode_err
give_results(lode_task *task, bool given[5])
{
    static const char bytes[LARGE];
    const lode_array array = {.dtype = LODE_U8, .ndim = 1, .shape = {LARGE}};
    void *data;
    for (int i = 1; i < 5; i++) {
        if (!given[i]) {
            LODE_TRY(i == 1   ? lode_task_return_i64(task, 1, NUMBER)
                     : i == 2 ? lode_task_return_f64(task, 2, NUMBER)
                     : i == 3 ? lode_task_return_bytes(task, 3, bytes, sizeof bytes)
                              : lode_task_result(task, 4, &array, &data));
            given[i] = true;
        }
    }
    return LODE_OK;
}

static lode_err
use_session(lode_task *task)
{
    static const char bytes[LARGE];
    lode *db = lode_task_session(task);
    lode_view view;
    lode_id id;
    LODE_TRY(lode_put(db, bytes, sizeof bytes, 0, &id));
    lode_err err = lode_get(db, id, 0, &view);
    if (err == LODE_OK) {
        lode_release(&view);
    }
    lode_drop(db, id);
    return err;
}

static lode_err
do_all(lode_task *task, bool given[5])
{
    LODE_TRY(read_arguments(task));
    LODE_TRY(use_session(task));
    return give_results(task, given);
}

static lode_err
arm(lode_task *task)
{
    int64_t kind, n, count;
    LODE_TRY(find_starve(task));
    LODE_TRY(lode_task_i64(task, 0, &kind));
    LODE_TRY(lode_task_i64(task, 1, &n));
    LODE_TRY(lode_task_i64(task, 2, &count));
    starve.arm((int)kind, n, count);
    return LODE_OK;
}

/* Result 0: 1 if a call has failed. What failed once works afterwards. */
static lode_err
calls(lode_task *task)
{
    bool given[5] = {false};
    LODE_TRY(arm(task));
    lode_err err = do_all(task, given);
    bool failed = starve.disarm();
    if (err != LODE_OK && (!failed || lode_last_error()[0] == '\0')) {
        return lode_fail(task, err, "without a failure, or a sentence: %s", lode_last_error());
    }
    LODE_TRY(do_all(task, given));
    return lode_task_return_i64(task, 0, failed);
}

/*
 * The same failures after the function: of what sees to the commit, and to the next task. A worker
 * that cannot commit ends, and the next attempt meets none.
 */
static lode_err
commit(lode_task *task)
{
    bool given[5] = {false};
    LODE_TRY(find_starve(task));
    LODE_TRY(do_all(task, given));
    LODE_TRY(lode_task_return_i64(task, 0, NUMBER));
    return lode_task_attempt(task) == 1 ? arm(task) : LODE_OK;
}

/*
 * Gives by how many liblode's blocks in this worker have grown since it was last asked. The first
 * tasks of a worker set up what stays: they count as no growth.
 */
static lode_err
rest(lode_task *task)
{
    enum { WARM = 3 };
    static long asked, last;
    LODE_TRY(find_starve(task));
    starve.disarm();
    long blocks = starve.blocks(true);
    long growth = ++asked <= WARM ? 0 : blocks - last;
    last = blocks;
    return lode_task_return_i64(task, 0, growth);
}

static const lode_function functions[] = {
    {"calls", "(kind: i64, n: i64, count: i64, text: str, a: f64[n]) -> i64, …", calls, 5},
    {"commit", "(kind: i64, n: i64, count: i64, text: str, a: f64[n]) -> i64, …", commit, 5},
    {"rest", "() -> i64", rest, 1},
    {0},
};
LODE_LIBRARY("starving", functions, NULL);
