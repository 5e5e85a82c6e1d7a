#include "api/client/tasks/task_client.h"

#include "api/base/clock.h"
#include "api/base/fail.h"
#include "api/client/session/session.h"
#include "api/client/store/scheduler_lives.h"
#include "api/client/tasks/requests.h"
#include "api/client/cluster/starting.h"
#include "api/client/output/task_output.h"
#include "api/client/tasks/task_records.h"
#include "api/system/cpus.h"

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { WELCOME_TIMEOUT_MS = 5000, CLOSE_TIMEOUT_MS = 5000 };

static void
become_locked(struct lode_tasks *tasks, enum lode_tasks_state state)
{
    lode_mutex_assert_held(&tasks->mu);
    atomic_store_explicit(&tasks->state, state, memory_order_release);
    lode_cond_broadcast(&tasks->changed);
}

/* ---- hooks of the session ------------------------------------------------------------------ */

/* What this thread waits for may be made by a call that is still held. */
static void
blocked(void *arg, enum lode_sleep sleep)
{
    struct lode_tasks *tasks = arg;
    if (sleep != LODE_AWAKE && lode_tasks_state(tasks) == LODE_TASKS_UP) {
        lode_burst_wait(&tasks->burst);
    }
}

static lode_err
still_lives(struct lode_tasks *tasks)
{
    lode_mutex_lock(&tasks->mu);
    lode_err err = lode_scheduler_lives(lode_session_paths(tasks->db), &tasks->scheduler_seen);
    lode_mutex_unlock(&tasks->mu);
    return err;
}

/* A wait for a result ends when the scheduler ends that was to have it made. */
static lode_err
pending(void *arg, lode_id id)
{
    struct lode_tasks *tasks = arg;
    if (lode_id_kind(id) != LODE_ID_RESULT) {
        return LODE_OK;
    }
    switch (lode_tasks_state(tasks)) {
    case LODE_TASKS_DOWN:
        return lode_tasks_down();
    case LODE_TASKS_NONE:
        return still_lives(tasks);
    default:
        return LODE_OK;
    }
}

static bool
spares(void *arg, lode_id id)
{
    struct lode_tasks *tasks = arg;
    return lode_result_refs_drop(&tasks->result_refs, id);
}

/*
 * The link outlives its pipe, and so does not know when the scheduler is gone for good. The session
 * does. So this looks at the session's state between slices: a close would otherwise spend all its
 * time on a scheduler that is dead.
 */
static bool
drain_while_up(struct lode_tasks *tasks)
{
    enum { SLICE_MS = 50 };
    int64_t deadline = lode_deadline(CLOSE_TIMEOUT_MS);
    lode_err err = LODE_ETIMEDOUT;
    while (err == LODE_ETIMEDOUT && lode_tasks_state(tasks) == LODE_TASKS_UP &&
           lode_remaining_ms(deadline) > 0) {
        err = lode_link_drain(tasks->link, SLICE_MS);
    }
    return err == LODE_OK;
}

/* Waits until the scheduler has all calls, and until their output is printed: 5 s each at most. */
static void
hand_over(struct lode_tasks *tasks)
{
    struct lode_request request = {0};
    if (!drain_while_up(tasks) || tasks->submitted == 0 || tasks->worker.record != NULL) {
        return;
    }
    int64_t deadline = lode_deadline(CLOSE_TIMEOUT_MS);
    if (lode_tasks_ask(tasks, LODE_TASK_STATS, LODE_TASK_STATS_ARE, LODE_STATS_AFTER_OUTPUT, NULL,
                       0, CLOSE_TIMEOUT_MS, &request) == LODE_OK) {
        free(request.text);
    }
    lode_task_output_flush(lode_remaining_ms(deadline), lode_session_paths(tasks->db)->logs);
}

/* A call that comes while the session is closed goes at once. */
static void
close_burst(struct lode_tasks *tasks)
{
    lode_mutex_lock(&tasks->mu);
    struct lode_later *timer = lode_burst_close(&tasks->burst);
    lode_mutex_unlock(&tasks->mu);
    lode_later_close(timer);
}

static void
close_tasks(void *arg)
{
    struct lode_tasks *tasks = arg;
    hand_over(tasks);
    close_burst(tasks);
    lode_rendezvous_close(&tasks->rendezvous);
    tasks->link = NULL;
    lode_mutex_lock(&tasks->mu);
    become_locked(tasks, LODE_TASKS_DOWN);
    lode_mutex_unlock(&tasks->mu);
}

static void
forked(void *arg)
{
    const struct lode_tasks *tasks = arg;
    lode_rendezvous_forked(tasks->rendezvous);
}

static void
destroy(void *arg)
{
    struct lode_tasks *tasks = arg;
    lode_function_cache_clear(&tasks->functions);
    lode_submissions_fini(&tasks->submissions);
    lode_cond_fini(&tasks->changed);
    lode_mutex_fini(&tasks->mu);
    free(tasks);
}

/* ---- coming up and going down -------------------------------------------------------------- */

static struct lode_tasks *
tasks_create(lode *db, const struct lode_tasks_worker *worker)
{
    struct lode_tasks *tasks = calloc(1, sizeof *tasks);
    if (tasks == NULL) {
        return NULL;
    }
    tasks->db = db;
    tasks->cpus_total = LODE_CPU_UNIT;
    if (worker != NULL) {
        tasks->worker = *worker;
    }
    lode_result_refs_init(&tasks->result_refs, lode_session_number(db));
    lode_mutex_init(&tasks->mu, LODE_LOCK_TASK_CLIENT);
    lode_cond_init(&tasks->changed);
    tasks->hooks = (struct lode_session_hooks){
        .arg = tasks,
        .blocked = blocked,
        .pending = pending,
        .spares = spares,
        .close = close_tasks,
        .forked = forked,
        .destroy = destroy,
    };
    return tasks;
}

struct lode_tasks *
lode_tasks_peek(const lode *db)
{
    const struct lode_session_hooks *hooks = lode_session_hooks(db, LODE_HOOKS_TASKS);
    return hooks != NULL ? hooks->arg : NULL;
}

/* Several threads may be the first at once. Each makes a task client, and the session takes one. */
static lode_err
install(lode *db, const struct lode_tasks_worker *worker, struct lode_tasks **tasks_out)
{
    struct lode_tasks *tasks = lode_tasks_peek(db);
    if (tasks == NULL) {
        tasks = tasks_create(db, worker);
        if (tasks == NULL) {
            return lode_fail_with(LODE_ENOMEM, "no room for a session with the scheduler");
        }
        const struct lode_session_hooks *hooks =
            lode_session_hook(db, LODE_HOOKS_TASKS, &tasks->hooks);
        if (hooks != &tasks->hooks) {
            destroy(tasks);
            tasks = hooks->arg;
        }
    }
    *tasks_out = tasks;
    return LODE_OK;
}

lode_err
lode_tasks_install(lode *db, struct lode_tasks **tasks_out)
{
    return install(db, NULL, tasks_out);
}

static void
went_down(void *arg)
{
    struct lode_tasks *tasks = arg;
    lode_mutex_lock(&tasks->mu);
    become_locked(tasks, LODE_TASKS_DOWN);
    lode_mutex_unlock(&tasks->mu);
    lode_task_output_write(lode_session_paths(tasks->db)->logs);
    if (tasks->worker.down != NULL) {
        tasks->worker.down(tasks->worker.arg);
    }
}

/* nng does not survive a fork: it aborts a child that uses nng after its parent has used it. */
static lode_err
check_not_forked(void)
{
    static _Atomic pid_t first_user; /* of nng, in this process or the one it was forked from */
    pid_t none = 0;
    if (!atomic_compare_exchange_strong(&first_user, &none, getpid()) && none != getpid()) {
        return lode_fail_with(LODE_EFORKED,
                              "this process was forked from process %d, which has called tasks: it "
                              "can use the store, but to call tasks it must exec a program, or be "
                              "forked before the first call",
                              (int)none);
    }
    return LODE_OK;
}

/* A number that ends with a colon; *at_io comes behind it. False: there is none. */
static bool
read_number(const char **at_io, int base, uint64_t *number_out)
{
    char *end;
    *number_out = strtoull(*at_io, &end, base);
    bool found = end != *at_io && *end == ':';
    *at_io = end + found;
    return found;
}

/* The worker of that cluster in which this process, or one that has started it, runs a task. */
static void
find_host(struct lode_rendezvous_options *options)
{
    const char *at = getenv("LODE_WORKER"); /* worker/process/origin.h */
    uint64_t worker, task, key;
    if (at == NULL || !read_number(&at, 10, &worker) || !read_number(&at, 16, &task) ||
        !read_number(&at, 16, &key)) {
        return;
    }
    if (worker <= UINT32_MAX && strcmp(at, options->dir) == 0) {
        options->worker = (uint32_t)worker;
        options->task = task;
        options->key = key;
    }
}

/* tasks.mu must not be held: records may come before this returns, and their handlers take it. */
static lode_err
connect_once(struct lode_tasks *tasks)
{
    bool is_worker = tasks->worker.record != NULL;
    struct lode_rendezvous_options options = {
        .dir = lode_session_paths(tasks->db)->dir,
        .role = is_worker ? LODE_ROLE_WORKER : LODE_ROLE_PROGRAM,
        .worker = tasks->worker.worker,
        .store_session = lode_session_number(tasks->db),
        .timeout_ms = WELCOME_TIMEOUT_MS,
        .down = went_down,
        .events = {.record = lode_tasks_record, .batch_end = lode_tasks_records_end, .arg = tasks},
    };
    if (!is_worker) {
        find_host(&options);
    }
    LODE_TRY(check_not_forked());
    return lode_rendezvous_open(&options, &tasks->rendezvous);
}

/*
 * Connects. A program may come while the scheduler starts or is replaced, so it waits for that. The
 * deadline is the thread's own, from when it came: it may have waited for other threads since.
 */
static lode_err
connect_patiently(struct lode_tasks *tasks, int64_t deadline)
{
    const char *dir = lode_session_paths(tasks->db)->dir;
    for (;;) {
        lode_err err = connect_once(tasks);
        if (err != LODE_EDOWN || tasks->worker.record != NULL) {
            return err;
        }
        lode_err waited = lode_starting_wait(dir, deadline);
        waited = waited != LODE_OK ? waited : lode_hooks_host_stopped();
        if (waited != LODE_OK) {
            return waited == LODE_EAGAIN ? err : waited;
        }
    }
}

/*
 * Waits while another thread connects. A scheduler that has not answered that thread is not asked
 * again: of many threads that come at once the last would else wait for all their times.
 */
static lode_err
await_other_locked(struct lode_tasks *tasks)
{
    uint64_t unanswered = tasks->unanswered;
    lode_mutex_assert_held(&tasks->mu);
    while (lode_tasks_state(tasks) == LODE_TASKS_CONNECTING && tasks->unanswered == unanswered) {
        lode_cond_wait(&tasks->changed, &tasks->mu, LODE_NEVER);
    }
    return tasks->unanswered == unanswered ? LODE_OK : lode_scheduler_late(tasks->silent);
}

/*
 * On how many CPUs there are others to begin with calls while this thread makes more: one, if it
 * and the scheduler are bound to one. A program that is bound by itself has the others' CPUs.
 */
static uint32_t
cpus_of_calls(const struct lode_tasks *tasks)
{
    pid_t scheduler = lode_rendezvous_scheduler(tasks->rendezvous);
    uint32_t cpus = lode_cpus_count(0);
    if (cpus > 1) {
        return cpus;
    }
    return scheduler > 0 ? lode_cpus_count(scheduler) : 2; /* in another pid namespace, say */
}

/* One thread connects. Others that come meanwhile wait until it has, or has failed. */
static lode_err
connect_tasks(struct lode_tasks *tasks)
{
    int64_t deadline = lode_deadline(LODE_STARTING_MS);
    lode_mutex_lock(&tasks->mu);
    lode_err late = await_other_locked(tasks);
    if (late != LODE_OK) {
        lode_mutex_unlock(&tasks->mu);
        return late;
    }
    if (lode_tasks_state(tasks) != LODE_TASKS_NONE) {
        lode_mutex_unlock(&tasks->mu);
        return lode_tasks_state(tasks) == LODE_TASKS_UP ? LODE_OK : lode_tasks_down();
    }
    become_locked(tasks, LODE_TASKS_CONNECTING);
    lode_mutex_unlock(&tasks->mu);

    lode_err err = connect_patiently(tasks, deadline);

    lode_mutex_lock(&tasks->mu);
    if (err == LODE_OK) {
        tasks->link = lode_rendezvous_link(tasks->rendezvous);
        lode_burst_open(&tasks->burst, tasks->link, cpus_of_calls(tasks));
        if (lode_tasks_state(tasks) == LODE_TASKS_CONNECTING) { /* else it has ended already */
            become_locked(tasks, LODE_TASKS_UP);
        }
    } else if (lode_tasks_state(tasks) == LODE_TASKS_CONNECTING) {
        if (err == LODE_ETIMEDOUT) {
            tasks->unanswered++;
            tasks->silent = lode_rendezvous_scheduler(tasks->rendezvous);
        }
        become_locked(tasks, LODE_TASKS_NONE);
    }
    lode_mutex_unlock(&tasks->mu);
    return err;
}

lode_err
lode_tasks_of(lode *db, struct lode_tasks **tasks_out)
{
    struct lode_tasks *tasks;
    LODE_TRY(lode_session_check(db));
    tasks = lode_tasks_peek(db);
    if (tasks == NULL || lode_tasks_state(tasks) != LODE_TASKS_UP) {
        if (lode_session_open_flags(db) & LODE_OPEN_STORE_ONLY) {
            return lode_fail_with(LODE_EUNSUPPORTED, "the session was opened with "
                                                     "LODE_OPEN_STORE_ONLY: it has no scheduler");
        }
        LODE_TRY(install(db, NULL, &tasks));
        LODE_TRY(connect_tasks(tasks));
    }
    *tasks_out = tasks;
    return LODE_OK;
}

lode_err
lode_tasks_connect_worker(lode *db, const struct lode_tasks_worker *worker,
                          struct lode_tasks **tasks_out)
{
    LODE_TRY(lode_session_check(db));
    LODE_TRY(install(db, worker, tasks_out));
    return connect_tasks(*tasks_out);
}
