/* Tasks that submit tasks, and wait for them or for an object. */
#include <lode/lode.h>

#include "tests/support/tasks/say.h"

#include <pthread.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

/* What a call that waited has said goes into the task's own failure. */
static lode_err
passed_on(lode_task *task, lode_err err)
{
    return err == LODE_OK ? LODE_OK : lode_fail(task, err, "%s", lode_last_error());
}

static lode_err
one(lode_task *task)
{
    return lode_task_return_i64(task, 0, 1);
}

/* fib(n), a task for each call. */
static lode_err
fib(lode_task *task)
{
    lode *db = lode_task_session(task);
    int64_t n, value[2];
    lode_id part[2];
    LODE_TRY(lode_task_i64(task, 0, &n));
    if (n < 2) {
        return lode_task_return_i64(task, 0, n);
    }
    for (int i = 0; i < 2; i++) {
        LODE_TRY(lode_call(db, "nest.fib", LODE_ARGS(lode_i64(n - 1 - i)), NULL, &part[i]));
    }
    for (int i = 0; i < 2; i++) {
        LODE_TRY(passed_on(task, lode_get_i64(db, part[i], LODE_FOREVER, &value[i])));
    }
    return lode_task_return_i64(task, 0, value[0] + value[1]);
}

/* `n` levels, each a task that waits for the next one. */
static lode_err
chain(lode_task *task)
{
    lode *db = lode_task_session(task);
    int64_t n, below = 0;
    lode_id child;
    LODE_TRY(lode_task_i64(task, 0, &n));
    if (n > 0) {
        LODE_TRY(lode_call(db, "nest.chain", LODE_ARGS(lode_i64(n - 1)), NULL, &child));
        LODE_TRY(passed_on(task, lode_get_i64(db, child, LODE_FOREVER, &below)));
    }
    return lode_task_return_i64(task, 0, below + 1);
}

/* The same, and the last one fails with that sentence. */
static lode_err
fall(lode_task *task)
{
    lode *db = lode_task_session(task);
    const char *why;
    int64_t n, below;
    lode_id child;
    LODE_TRY(lode_task_i64(task, 0, &n));
    LODE_TRY(lode_task_str(task, 1, &why));
    if (n == 0) {
        return lode_fail(task, LODE_EINVAL, "%s", why);
    }
    LODE_TRY(lode_call(db, "nest.fall", LODE_ARGS(lode_i64(n - 1), lode_str(why)), NULL, &child));
    return passed_on(task, lode_get_i64(db, child, LODE_FOREVER, &below));
}

static lode_err
id_of(lode_task *task, lode_id *id_out)
{
    const char *text;
    LODE_TRY(lode_task_str(task, 0, &text));
    return lode_id_parse(text, id_out);
}

/* Waits for the object with that id. */
static lode_err
await(lode_task *task)
{
    lode_view view;
    lode_id id;
    LODE_TRY(id_of(task, &id));
    LODE_TRY(passed_on(task, lode_get(lode_task_session(task), id, LODE_FOREVER, &view)));
    lode_release(&view);
    return lode_task_return_i64(task, 0, 1);
}

/* Waits for the object with that id, and for another one that nobody makes. */
static lode_err
await_both(lode_task *task)
{
    lode_id ids[2];
    LODE_TRY(id_of(task, &ids[0]));
    LODE_TRY(lode_id_random(&ids[1]));
    return passed_on(task, lode_wait(lode_task_session(task), ids, 2, 2, LODE_FOREVER, NULL, NULL));
}

/* Waits for all objects whose ids are in that one. */
static lode_err
await_all(lode_task *task)
{
    lode_view list;
    LODE_TRY(lode_task_view(task, 0, &list));
    size_t count = list.size / sizeof(lode_id);
    return passed_on(task, lode_wait(lode_task_session(task), list.data, count, count, LODE_FOREVER,
                                     NULL, NULL));
}

/* Goes on when it is cancelled; then looks at that object and another one. What the look gave. */
static lode_err
look_when_cancelled(lode_task *task)
{
    lode *db = lode_task_session(task);
    bool ready[2];
    lode_id ids[2];
    LODE_TRY(id_of(task, &ids[0]));
    LODE_TRY(lode_id_random(&ids[1]));
    while (lode_wait(db, ids, 2, 2, LODE_FOREVER, NULL, NULL) != LODE_ECANCELLED) {
    }
    return lode_task_return_i64(task, 0, lode_wait(db, ids, 2, 2, 0, ready, NULL));
}

/* Waits for an object by name. */
static lode_err
await_name(lode_task *task)
{
    lode_view view;
    const char *name;
    LODE_TRY(lode_task_str(task, 0, &name));
    LODE_TRY(
        passed_on(task, lode_name_get(lode_task_session(task), NULL, name, LODE_FOREVER, &view)));
    lode_release(&view);
    return LODE_OK;
}

/* Waits until the name is bound anew. */
static lode_err
await_version(lode_task *task)
{
    const char *name;
    uint64_t version;
    lode *db = lode_task_session(task);
    LODE_TRY(lode_task_str(task, 0, &name));
    LODE_TRY(passed_on(task, lode_name_wait(db, NULL, name, 0, 0, NULL, &version)));
    return passed_on(task, lode_name_wait(db, NULL, name, version, LODE_FOREVER, NULL, NULL));
}

/* Submits a task that waits for the object with that id, and waits for it. */
static lode_err
parent(lode_task *task)
{
    lode *db = lode_task_session(task);
    const char *text;
    int64_t value;
    lode_id child;
    LODE_TRY(lode_task_str(task, 0, &text));
    LODE_TRY(lode_call(db, "nest.await", LODE_ARGS(lode_str(text)), NULL, &child));
    LODE_TRY(passed_on(task, lode_get_i64(db, child, LODE_FOREVER, &value)));
    return lode_task_return_i64(task, 0, value);
}

/* Has another task say it, and waits for that. */
static lode_err
say_below(lode_task *task)
{
    lode *db = lode_task_session(task);
    const char *text;
    lode_id child;
    LODE_TRY(lode_task_str(task, 0, &text));
    LODE_TRY(lode_call(db, "nest.say", LODE_ARGS(lode_str(text)), NULL, &child));
    return passed_on(task, lode_wait(db, &child, 1, 1, LODE_FOREVER, NULL, NULL));
}

/* The same through a session that it opens itself, as a library may that knows nothing of tasks. */
static lode_err
say_aside(lode_task *task)
{
    lode *db;
    const char *text;
    lode_id child;
    LODE_TRY(lode_task_str(task, 0, &text));
    LODE_TRY(passed_on(task, lode_open(NULL, NULL, &db)));
    lode_err err = lode_call(db, "nest.say", LODE_ARGS(lode_str(text)), NULL, &child);
    err = err != LODE_OK ? err : lode_wait(db, &child, 1, 1, LODE_FOREVER, NULL, NULL);
    err = passed_on(task, err);
    lode_close(db);
    return err;
}

/* Submits a task that fails, and does not wait for it. */
static lode_err
forget_a_failure(lode_task *task)
{
    return lode_call(lode_task_session(task), "nest.await", LODE_ARGS(lode_str("no id")), NULL,
                     NULL);
}

/* Submits a task that loops until it is ended, and does not wait for it. */
static lode_err
leave_a_loop(lode_task *task)
{
    const char *fifo;
    LODE_TRY(lode_task_str(task, 0, &fifo));
    return lode_call(lode_task_session(task), "play.loop", LODE_ARGS(lode_str(fifo)), NULL, NULL);
}

/* Opens what a program would, by hand. True: it is the cluster in which the task runs. */
static lode_err
open_own(lode_task *task)
{
    lode *db;
    LODE_TRY(passed_on(task, lode_open(NULL, NULL, &db)));
    bool same = strcmp(lode_cluster_dir(db), lode_cluster_dir(lode_task_session(task))) == 0;
    lode_close(db);
    return lode_task_return_i64(task, 0, same);
}

/* A name in the task's own cluster: "is up 7". */
static lode_err
tell(lode *db, const char *what, int64_t n)
{
    char name[64];
    lode_id id;
    snprintf(name, sizeof name, "%s %lld", what, (long long)n);
    LODE_TRY(lode_put(db, name, strlen(name), LODE_FOREVER, &id));
    return lode_name_set(db, NULL, name, id, 0);
}

/* Says that it begins, and opens a session with the cluster in that directory. What came of it. */
static lode_err
open_at(lode_task *task)
{
    lode *db;
    const char *dir;
    LODE_TRY(lode_task_str(task, 0, &dir));
    LODE_TRY(passed_on(task, tell(lode_task_session(task), "opens", 0)));
    lode_err err = lode_open(dir, NULL, &db);
    if (err == LODE_OK) {
        lode_close(db);
    }
    return lode_task_return_i64(task, 0, err);
}

/* Starts a private cluster, loads that library there, says so, and sleeps until it is ended. */
static lode_err
start_own(lode_task *task)
{
    lode *own, *db = lode_task_session(task);
    const char *library;
    int64_t n;
    lode_id never;
    lode_open_options options = {.struct_size = sizeof options,
                                 .flags = LODE_OPEN_PRIVATE,
                                 .num_cpus = 1,
                                 .capacity_bytes = 8 << 20};
    LODE_TRY(lode_task_i64(task, 0, &n));
    LODE_TRY(lode_task_str(task, 1, &library));
    LODE_TRY(passed_on(task, tell(db, "begins", n)));
    LODE_TRY(passed_on(task, lode_open(NULL, &options, &own)));
    LODE_TRY(passed_on(task, lode_load(own, library)));
    LODE_TRY(passed_on(task, tell(db, "is up", n)));
    LODE_TRY(lode_id_random(&never));
    return passed_on(task, lode_wait(db, &never, 1, 1, LODE_FOREVER, NULL, NULL));
}

/* Loads that library. */
static lode_err
load(lode_task *task)
{
    const char *library;
    LODE_TRY(lode_task_str(task, 0, &library));
    return passed_on(task, lode_load(lode_task_session(task), library));
}

struct callers {
    lode *db;
    int64_t count;
    pthread_t thread[8];
    pthread_mutex_t mu;
    pthread_cond_t one_ended;
    int64_t ended, sum; /* under `mu` */
    lode_err err;
};

static void *
call_one(void *arg)
{
    struct callers *callers = arg;
    lode_id child;
    int64_t value = 0;
    lode_err err = lode_call(callers->db, "nest.one", LODE_NO_ARGS, NULL, &child);
    if (err == LODE_OK) {
        err = lode_get_i64(callers->db, child, LODE_FOREVER, &value);
    }
    pthread_mutex_lock(&callers->mu);
    callers->ended++;
    callers->sum += value;
    callers->err = callers->err != LODE_OK ? callers->err : err;
    pthread_cond_signal(&callers->one_ended);
    pthread_mutex_unlock(&callers->mu);
    return NULL;
}

static bool
have_ended(struct callers *callers)
{
    pthread_mutex_lock(&callers->mu);
    bool all = callers->ended == callers->count;
    pthread_mutex_unlock(&callers->mu);
    return all;
}

static void
await_signals(struct callers *callers)
{
    pthread_mutex_lock(&callers->mu);
    while (callers->ended < callers->count) {
        pthread_cond_wait(&callers->one_ended, &callers->mu);
    }
    pthread_mutex_unlock(&callers->mu);
}

/*
 * Has `n` threads call a task each, and waits for the threads: in pthread_join() ("join"), before
 * it in pthread_cond_wait() ("signal"), or looking again and again ("poll"). The sum of what they
 * got.
 */
static lode_err
call_beside(lode_task *task)
{
    struct callers callers = {.mu = PTHREAD_MUTEX_INITIALIZER,
                              .one_ended = PTHREAD_COND_INITIALIZER};
    const char *how;
    LODE_TRY(lode_task_i64(task, 0, &callers.count));
    LODE_TRY(lode_task_str(task, 1, &how));
    callers.count = callers.count < 8 ? callers.count : 8;
    callers.db = lode_task_session(task);
    for (int64_t i = 0; i < callers.count; i++) {
        if (pthread_create(&callers.thread[i], NULL, call_one, &callers) != 0) {
            return LODE_ESYS; /* the story fails; the threads are of no matter */
        }
    }
    while (strcmp(how, "poll") == 0 && !have_ended(&callers)) {
        usleep(1000);
    }
    if (strcmp(how, "signal") == 0) {
        await_signals(&callers);
    }
    for (int64_t i = 0; i < callers.count; i++) {
        pthread_join(callers.thread[i], NULL);
    }
    LODE_TRY(callers.err);
    return lode_task_return_i64(task, 0, callers.sum);
}

static const lode_function functions[] = {
    {"one", "() -> i64", one, 1},
    {"fib", "(n: i64) -> i64", fib, 1},
    {"chain", "(n: i64) -> i64", chain, 1},
    {"fall", "(n: i64, why: str) -> i64", fall, 1},
    {"await", "(id: str) -> i64", await, 1},
    {"await_both", "(id: str)", await_both, 0},
    {"await_all", "(ids: any)", await_all, 0},
    {"look_when_cancelled", "(id: str) -> i64", look_when_cancelled, 1},
    {"await_name", "(name: str)", await_name, 0},
    {"await_version", "(name: str)", await_version, 0},
    {"say", "(text: str)", say, 0},
    {"say_below", "(text: str)", say_below, 0},
    {"say_aside", "(text: str)", say_aside, 0},
    {"forget_a_failure", "()", forget_a_failure, 0},
    {"leave_a_loop", "(fifo: str)", leave_a_loop, 0},
    {"call_beside", "(n: i64, how: str) -> i64", call_beside, 1},
    {"open_own", "() -> i64", open_own, 1},
    {"load", "(library: str)", load, 0},
    {"open_at", "(dir: str) -> i64", open_at, 1},
    {"start_own", "(n: i64, library: str)", start_own, 0},
    {"parent", "(id: str) -> i64", parent, 1},
    {0},
};
LODE_LIBRARY("nest", functions, NULL);
