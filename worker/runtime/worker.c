#include "worker/runtime/worker.h"

#include "api/base/fail.h"
#include "api/system/cpus.h"
#include "api/base/log.h"
#include "api/system/process_stat.h"
#include "worker/runtime/records.h"

#include <unistd.h>

enum { WATCH_NS = 100000000 };

/* CPU time of a thread that only looks now and then whether another one is done. */
enum { POLLING_NS = 5000000 };

/*
 * The scheduler is gone, or has given this worker up. Nobody wants the running task any more. This
 * is not exit(): the user's code is in the middle of something, and its handlers must not run.
 */
static void
worker_down(void *arg)
{
    (void)arg;
    _exit(0);
}

/* ---- sleeping -------------------------------------------------------------------------------- */

static bool
is_main(const struct worker *worker)
{
    return pthread_equal(pthread_self(), worker->main_thread);
}

static void
tell_sleeping(void *arg, enum lode_sleep sleep, uint64_t task, uint64_t call)
{
    const struct worker *worker = arg;
    uint32_t flags = sleep == LODE_SLEEPS_FOR_ROOM ? LODE_BLOCKED_FOR_ROOM : 0;
    struct lode_task_worker message = {.task = task, .call = call, .flags = flags};
    lode_err err = lode_link_send(worker->tasks->link,
                                  sleep != LODE_AWAKE ? LODE_TASK_BLOCKED : LODE_TASK_UNBLOCKED,
                                  &message, sizeof message, NULL, 0, false);
    if (err != LODE_OK) {
        lode_log("WORKER-TELL", "cannot say that a task waits: %s", lode_last_error());
    }
}

/* The CPU time that the main thread has used since it was looked at. */
static int64_t
main_has_run_ns(const struct worker *worker, int64_t *total_out)
{
    struct timespec time;
    if (clock_gettime(worker->main_clock, &time) != 0) {
        return INT64_MAX;
    }
    *total_out = time.tv_sec * INT64_C(1000000000) + time.tv_nsec;
    return *total_out - atomic_load(&worker->main_ran);
}

static bool
main_has_run(const struct worker *worker)
{
    int64_t total;
    return main_has_run_ns(worker, &total) > POLLING_NS;
}

/* The same, up to this look. */
static bool
look_at_main(struct worker *worker)
{
    int64_t total = 0;
    bool has_run = main_has_run_ns(worker, &total) > POLLING_NS;
    atomic_store(&worker->main_ran, total);
    return has_run;
}

/* A thread that is ready to run, and gets no CPU, does not sleep. */
static bool
is_ready_to_run(void)
{
    struct lode_process_stat stat;
    return lode_process_stat_read(getpid(), &stat) && stat.state == 'R';
}

static void
watch_main_thread(void *arg)
{
    struct worker *worker = arg;
    if (sleeping_look(&worker->sleeping, !look_at_main(worker) && !is_ready_to_run())) {
        lode_later_call(worker->watch, WATCH_NS);
    }
}

/* A task that sleeps gives its CPU back, also while its result waits for room. */
static void
worker_blocked(void *arg, enum lode_sleep sleep)
{
    struct worker *worker = arg;
    bool watch;
    if (is_main(worker)) {
        worker->now = 0; /* run.c: a commit may sleep for room, say */
        watch = sleeping_main(&worker->sleeping, sleep);
    } else {
        bool asks = sleep != LODE_AWAKE && sleeping_asks_for_main(&worker->sleeping);
        watch = sleeping_other(&worker->sleeping, sleep, asks && main_has_run(worker));
    }
    if (watch) {
        (void)look_at_main(worker);
        lode_later_call(worker->watch, WATCH_NS);
    }
}

/* ---- being told to end ----------------------------------------------------------------------- */

static bool
is_stopped(const struct worker *worker, uint64_t task)
{
    return atomic_load_explicit(&worker->page->cancelled, memory_order_acquire) == task;
}

/* The task, while the user's function runs; else 0. */
static uint64_t
running_task(void *arg)
{
    const struct worker *worker = arg;
    return atomic_load_explicit(&worker->tasks->parent, memory_order_relaxed);
}

/*
 * Ends a call that sleeps, or is about to. Only while the user's function runs: what a worker
 * itself does for a cancelled task, such as publishing its errors, goes on.
 */
static lode_err
worker_stopped(void *arg)
{
    const struct worker *worker = arg;
    uint64_t task = running_task(arg);
    if (task == 0) {
        return LODE_OK;
    }
    uint32_t limit_ms = worker_limit_over(worker, task);
    if (limit_ms > 0) {
        return lode_fail_with(LODE_ETIMEDOUT, "the task's time limit of %u ms is over", limit_ms);
    }
    if (is_stopped(worker, task)) {
        return lode_fail_with(LODE_ECANCELLED, "the task was cancelled");
    }
    return LODE_OK;
}

/* So it is with a call that is told to give up. */
static lode_err
worker_interrupted(void *arg)
{
    struct worker *worker = arg;
    uint32_t workers;
    LODE_TRY(worker_stopped(arg));
    if (running_task(arg) != 0 && sleeping_gives_up(&worker->sleeping, is_main(worker), &workers)) {
        return lode_fail_with(
            LODE_ELIMIT,
            "all %u workers that the program may have wait for something, and this "
            "call was the last to begin: nest tasks less deeply, or allow more",
            workers);
    }
    return LODE_OK;
}

static void
hook_referenced(void *arg, lode_id id, int change)
{
    held_referenced(&((struct worker *)arg)->held, id, change);
}

static void
hook_pinned(void *arg, const lode_view *view, bool pinned)
{
    held_pinned(&((struct worker *)arg)->held, view, pinned);
}

static void
hook_drafted(void *arg, const lode_draft *draft, bool open)
{
    held_drafted(&((struct worker *)arg)->held, draft, open);
}

lode_err
worker_init(struct worker *worker, lode *db, struct lode_worker_page *page)
{
    *worker = (struct worker){.db = db, .page = page, .main_thread = pthread_self()};
    LODE_TRY(lode_task_init(&worker->task, db, &page->cancelled));
    if (pthread_getcpuclockid(worker->main_thread, &worker->main_clock) != 0) {
        return lode_fail_errno("no clock of the main thread");
    }
    sleeping_init(&worker->sleeping, tell_sleeping, worker);
    queue_init(&worker->queue, lode_cpus_count(0));
    functions_init(&worker->functions);
    held_init(&worker->held);
    populate_init(&worker->populate, db);
    printing_init(&worker->printing, page);
    worker->hooks = (struct lode_session_hooks){
        .arg = worker,
        .blocked = worker_blocked,
        .interrupted = worker_interrupted,
        .stopped = worker_stopped,
        .referenced = hook_referenced,
        .pinned = hook_pinned,
        .drafted = hook_drafted,
    };
    lode_session_hook(db, LODE_HOOKS_WORKER, &worker->hooks);
    worker->inner_hooks = (struct lode_session_hooks){
        .arg = worker,
        .blocked = worker_blocked,
        .interrupted = worker_interrupted,
        .stopped = worker_stopped,
        .task = running_task,
    };
    lode_hooks_set_host(&worker->inner_hooks);
    return LODE_OK;
}

uint32_t
worker_limit_over(const struct worker *worker, uint64_t task)
{
    return is_stopped(worker, task) ? atomic_load_explicit(&worker->limit_ms, memory_order_relaxed)
                                    : 0;
}

static void
tell_ends(void *arg)
{
    const struct worker *worker = arg;
    lode_link_flush(worker->tasks->link);
}

lode_err
worker_connect(struct worker *worker, uint32_t number)
{
    struct lode_tasks_worker role = {.worker = number,
                                     .arg = worker,
                                     .record = worker_record,
                                     .records_end = worker_records_end,
                                     .down = worker_down};
    struct lode_task_worker ready = {.task = 0};
    LODE_TRY(lode_tasks_connect_worker(worker->db, &role, &worker->tasks));
    worker->printing.tasks = worker->tasks;
    LODE_TRY(lode_later_open(tell_ends, worker, &worker->teller));
    LODE_TRY(lode_later_open(watch_main_thread, worker, &worker->watch));
    return lode_link_send(worker->tasks->link, LODE_TASK_READY, &ready, sizeof ready, NULL, 0,
                          false);
}

void
worker_fini(struct worker *worker)
{
    lode_hooks_set_host(NULL); /* a thread that a task has left may still call */
    populate_fini(&worker->populate);
    lode_later_close(worker->teller);
    lode_later_close(worker->watch);
    lode_close(worker->db); /* waits until the scheduler has what it was told */
    lode_task_fini(&worker->task);
    sleeping_fini(&worker->sleeping);
    held_fini(&worker->held);
    functions_fini(&worker->functions);
    queue_fini(&worker->queue);
}
