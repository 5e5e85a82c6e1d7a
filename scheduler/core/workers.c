/*
 * workers.c: the processes: started, up, blocked, idle, reaped, settled. Every change of
 * worker.state and of the CPUs in use is in this file. README.md has the drawing.
 */
#include "scheduler/core/state.h"

#include <signal.h>
#include <sys/wait.h>

struct core_worker *
core_worker_find(struct core *core, uint32_t number)
{
    struct core_worker *worker;
    HASH_FIND(hh, core->workers, &number, sizeof number, worker);
    return worker;
}

/* ---- which list it is in -------------------------------------------------------------------- */

static void
unlist(struct core *core, struct core_worker *worker)
{
    if (worker->place == CORE_PLACE_IDLE) {
        TAILQ_REMOVE(&core->idle, worker, link);
    } else if (worker->place == CORE_PLACE_OPEN) {
        TAILQ_REMOVE(&core->open, worker, link);
    }
    worker->place = CORE_PLACE_NONE;
}

static bool
has_room(const struct core_worker *worker)
{
    return worker->count < CORE_DEPTH_MAX &&
           (worker->queued_ns < CORE_AHEAD_NS ||
            (worker->count < 2 && worker->queued_ns < CORE_AHEAD_ONE_NS));
}

void
core_worker_relist(struct core *core, struct core_worker *worker)
{
    bool was_idle = worker->place == CORE_PLACE_IDLE;
    unlist(core, worker);
    if (worker->state != CORE_WORKER_UP || worker->blocked || worker->describing != NULL) {
        return;
    }
    if (worker->stale) {
        if (worker->count == 0) {
            core_worker_quit(core, worker);
        }
        return;
    }
    if (worker->count == 0) {
        /* The one that worked last comes first: its caches are warm, and the others may go. */
        worker->since = was_idle ? worker->since : core->now;
        worker->place = CORE_PLACE_IDLE;
        TAILQ_INSERT_HEAD(&core->idle, worker, link);
        core->pool_changed = core->pool_changed || core->usable > core->options.prestart;
    } else if (has_room(worker)) {
        worker->place = CORE_PLACE_OPEN;
        TAILQ_INSERT_TAIL(&core->open, worker, link);
    }
}

static uint32_t
estimate_of(const struct core_task *task)
{
    uint64_t ns = task->function->average_ns;
    return ns < CORE_TASK_COST_NS ? CORE_TASK_COST_NS : ns > UINT32_MAX ? UINT32_MAX : (uint32_t)ns;
}

void
core_worker_take(struct core *core, struct core_worker *worker, struct core_task *task)
{
    task->worker = worker;
    task->estimate_ns = estimate_of(task);
    TAILQ_INSERT_TAIL(&worker->queue, task, link);
    worker->queued_ns += task->estimate_ns;
    task->function->placed++;
    worker->count++;
    if (worker->count == 1) {
        worker->lease = task->cpus;
        core->cpus_used += worker->lease;
    }
    core->stacked += worker->count == 2;
    LODE_DEBUG_ASSERT(worker->lease == task->cpus && !worker->blocked);
    core_worker_relist(core, worker);
}

void
core_worker_lose(struct core *core, struct core_worker *worker, struct core_task *task)
{
    TAILQ_REMOVE(&worker->queue, task, link);
    task->worker = NULL;
    task->recalling = false;
    worker->queued_ns -= task->estimate_ns;
    task->function->placed--;
    worker->count--;
    if (worker->state == CORE_WORKER_DEAD) {
        return; /* its CPUs went when it was reaped */
    }
    core->stacked -= worker->count == 1;
    if (worker->count == 0) {
        if (worker->blocked) {
            worker->blocked = false;
            core->pool_changed = true;
        } else {
            core->cpus_used -= worker->lease;
        }
    }
    core_worker_relist(core, worker);
}

/* ---- starting ------------------------------------------------------------------------------- */

static void
start_one(struct core *core)
{
    struct core_worker *worker = core_alloc(sizeof *worker);
    memset(worker, 0, sizeof *worker);
    worker->number = ++core->next_worker;
    worker->state = CORE_WORKER_STARTING;
    worker->since = core->now;
    TAILQ_INIT(&worker->queue);
    TAILQ_INSERT_TAIL(&core->all, worker, all_link);
    HASH_ADD(hh, core->workers, number, sizeof worker->number, worker);
    core->processes++;
    core->starting++;
    core->stats.workers_started++;
    core->pool_changed = true;
    core_emit(core, CORE_SPAWN, worker->number, 0, 0, 0);
}

void
core_workers_start(struct core *core)
{
    for (uint32_t i = 0; i < core->options.prestart; i++) {
        start_one(core);
    }
}

static void
start_failed(struct core *core)
{
    int64_t wait = CORE_BACKOFF_NS << (core->start_failures < 10 ? core->start_failures : 10);
    core->start_failures++;
    core->spawn_after = core->now + (wait < CORE_BACKOFF_MAX_NS ? wait : CORE_BACKOFF_MAX_NS);
}

void
core_worker_ready(struct core *core, struct core_worker *worker)
{
    if (worker->state != CORE_WORKER_STARTING) {
        core_cut(core, worker->session, LODE_EPROTO, "worker %u said READY twice", worker->number);
        return;
    }
    worker->state = CORE_WORKER_UP;
    worker->was_up = true;
    core->starting--;
    core->start_failures = 0;
    core->spawn_after = 0;
    core->pool_changed = true;
    core_worker_relist(core, worker);
}

void
core_worker_spawned(struct core *core, uint32_t number, int64_t pid, uint32_t err)
{
    struct core_worker *worker = core_worker_find(core, number);
    if (worker == NULL || worker->state == CORE_WORKER_DEAD) {
        return;
    }
    worker->pid = pid;
    if (err != LODE_OK) {
        core_log(core, "WORKER-NOT-STARTED", "worker %u cannot be started: %s", number,
                 lode_err_text((lode_err)err));
        struct core_event gone = {.type = CORE_EXITED, .u.exited = {.worker = number}};
        core_worker_exited(core, &gone);
    }
}

/* ---- ending --------------------------------------------------------------------------------- */

/* Nothing more is given to it; what it has stays until it is reaped. */
static void
give_up(struct core *core, struct core_worker *worker)
{
    core->starting -= worker->state == CORE_WORKER_STARTING;
    worker->state = CORE_WORKER_QUITTING;
    worker->since = core->now;
    core->pool_changed = true;
    unlist(core, worker);
}

void
core_worker_kill(struct core *core, struct core_worker *worker)
{
    if (worker->state == CORE_WORKER_DEAD || worker->killed) {
        return;
    }
    worker->killed = true;
    give_up(core, worker);
    core_emit(core, CORE_KILL, worker->number, 0, SIGKILL, 0);
}

void
core_worker_quit(struct core *core, struct core_worker *worker)
{
    LODE_ASSERT(worker->state == CORE_WORKER_UP && worker->count == 0);
    give_up(core, worker);
    struct lode_task_worker *quit = core_send(core, worker->session, LODE_TASK_QUIT, sizeof *quit);
    if (quit != NULL) {
        *quit = (struct lode_task_worker){.store_session = worker->store_session};
    }
}

void
core_worker_free(struct core *core, struct core_worker *worker)
{
    LODE_ASSERT(worker->count == 0 && worker->place == CORE_PLACE_NONE);
    HASH_DELETE(hh, core->workers, worker);
    TAILQ_REMOVE(&core->all, worker, all_link);
    free(worker->known);
    free(worker->held);
    free(worker->death);
    free(worker);
}

static void
read_death(struct core_worker *worker, const struct core_event *event)
{
    const struct lode_worker_page *page = event->u.exited.page;
    int32_t status = event->u.exited.status;
    struct core_death *death = core_alloc(sizeof *death);
    memset(death, 0, sizeof *death);
    death->pid = worker->pid;
    death->signal = WIFSIGNALED(status) ? WTERMSIG(status) : 0;
    death->exit_status = WIFEXITED(status) ? WEXITSTATUS(status) : 0;
    worker->death = death;
    if (page == NULL) {
        return;
    }
    worker->page_started = atomic_load_explicit(&page->started, memory_order_relaxed);
    worker->page_finished = atomic_load_explicit(&page->finished, memory_order_relaxed);
    if (atomic_load_explicit(&page->crash_set, memory_order_relaxed) != 0) {
        memcpy(death->backtrace, page->crash_backtrace, sizeof death->backtrace - 1);
    }
}

/*
 * How many of a task's results are asked for. All are sealed in one step, but those that nobody
 * wants are freed at once: one that is there says that the task is done.
 */
static uint32_t
asked_of(const struct core_worker *worker, const struct core_task *task)
{
    uint32_t most = CORE_STORE_IDS / worker->asked;
    return task->result_count < most ? task->result_count : most;
}

/* The store drains its ring first and says which of its tasks have their results. */
static void
ask_store(struct core *core, struct core_worker *worker)
{
    lode_id ids[CORE_STORE_IDS];
    uint32_t count = 0;
    struct core_task *task;
    worker->asked = worker->count;
    TAILQ_FOREACH(task, &worker->queue, link)
    {
        task->state = CORE_TASK_SETTLING;
        for (uint32_t i = 0; i < asked_of(worker, task); i++) {
            ids[count++] = lode_id_plus(task->results, i);
        }
    }
    uint32_t size = count * (uint32_t)sizeof ids[0];
    memcpy(core_emit(core, CORE_SETTLE, worker->store_session, core_settle_cookie(worker), 0, size),
           ids, size);
}

static void
log_death(struct core *core, const struct core_worker *worker)
{
    char text[128];
    core_describe_death(worker->death, text, sizeof text);
    core_log(core, "WORKER-DIED", "worker %u (pid %lld) %s with %u tasks", worker->number,
             (long long)worker->pid, text, worker->count);
}

void
core_worker_exited(struct core *core, const struct core_event *event)
{
    struct core_worker *worker = core_worker_find(core, event->u.exited.worker);
    if (worker == NULL || worker->state == CORE_WORKER_DEAD) {
        return;
    }
    read_death(worker, event);
    if (worker->state != CORE_WORKER_QUITTING || worker->killed) {
        core->stats.workers_died++;
        log_death(core, worker);
    }
    if (!worker->was_up) {
        start_failed(core);
    }
    give_up(core, worker);
    if (worker->count > 0 && !worker->blocked) {
        core->cpus_used -= worker->lease;
    }
    core->stacked -= worker->count > 1;
    worker->state = CORE_WORKER_DEAD;
    worker->blocked = false;
    core->processes--;
    if (worker->session != NULL) {
        worker->session->worker = NULL;
        worker->session = NULL;
    }
    if (worker->describing != NULL) {
        core_describe_died(core, worker);
    }
    if (worker->count > 0) {
        ask_store(core, worker);
    } else {
        core_worker_free(core, worker);
    }
}

/* ---- settling ------------------------------------------------------------------------------- */

static void
charge(struct core *core, struct core_task *task, const struct core_death *death)
{
    task->attempts++;
    if (core_task_stop(core, task)) {
        return;
    }
    if (task->attempts <= task->max_retries) {
        core->stats.retried++;
        core_task_ready(core, task, true);
        return;
    }
    char text[128];
    core_describe_death(death, text, sizeof text);
    core_task_fail(core, task, LODE_ECRASHED, death, "its worker (pid %lld) %s, attempt %u of %llu",
                   (long long)death->pid, text, task->attempts,
                   (unsigned long long)task->max_retries + 1);
}

/* Not begun: it goes back uncharged, unless worker after worker has died with it at the head. */
static void
give_back(struct core *core, struct core_task *task, bool blame, const struct core_death *death)
{
    if (core_task_stop(core, task)) {
        return;
    }
    task->uncharged += blame;
    if (task->uncharged > CORE_UNCHARGED_MAX) {
        char text[128];
        core_describe_death(death, text, sizeof text);
        core_task_fail(core, task, LODE_ECRASHED, death,
                       "%u workers died before it began; the last %s", (unsigned)task->uncharged,
                       text);
        return;
    }
    core_task_ready(core, task, true);
}

/* How many of its tasks, from the head on, had begun: a worker takes them in order. */
static uint32_t
count_begun(const struct core_worker *worker)
{
    uint32_t begun = 0, i = 0;
    const struct core_task *task;
    TAILQ_FOREACH(task, &worker->queue, link)
    {
        i++;
        if (task->number == worker->page_started || task->number == worker->page_finished) {
            begun = i;
        }
    }
    return begun;
}

/*
 * What is not sealed and had not begun goes back uncharged. Of those that had begun, the last is as
 * a rule the one that was running. One before it has no result either because it had nothing to run
 * with, or because nobody wanted its result, which is freed: it may have run, and is charged too.
 *
 * The last task first: each goes to the front of its session's ready list.
 */
void
core_worker_settled(struct core *core, uint64_t cookie, const uint8_t *status, uint32_t count)
{
    struct core_worker *worker = core_worker_find(core, (uint32_t)(cookie >> 1));
    if (worker == NULL || worker->state != CORE_WORKER_DEAD) {
        return;
    }
    uint32_t begun = count_begun(worker), at = 0;
    struct core_task *task;
    TAILQ_FOREACH(task, &worker->queue, link)
    {
        uint32_t end = at + asked_of(worker, task);
        task->done = task->number == worker->page_finished;
        for (; at < end; at++) {
            task->done = task->done || (at < count && status[at] == LODE_FOUND_SEALED);
        }
    }
    for (uint32_t i = worker->count; i-- > 0;) {
        task = TAILQ_LAST(&worker->queue, core_task_list);
        core_worker_lose(core, worker, task);
        if (task->done) {
            core_task_end(core, task, false);
        } else if (i < begun) {
            charge(core, task, worker->death);
        } else {
            give_back(core, task, i == 0, worker->death);
        }
    }
    core_worker_free(core, worker);
}

/* ---- blocking ------------------------------------------------------------------------------- */

void
core_worker_blocked(struct core *core, struct core_worker *worker, uint64_t task)
{
    if (worker->state != CORE_WORKER_UP || worker->blocked || worker->count == 0) {
        return;
    }
    worker->blocked = true;
    worker->blocked_task = task;
    core->cpus_used -= worker->lease;
    core->pool_changed = true;
    core_worker_relist(core, worker);
    if (worker->count > 1) {
        core_recall(core, worker, NULL);
    }
}

/* It goes on at once; if others have its CPU meanwhile, nothing new starts until one of them ends. */
void
core_worker_unblocked(struct core *core, struct core_worker *worker)
{
    if (worker->state != CORE_WORKER_UP || !worker->blocked) {
        return;
    }
    worker->blocked = false;
    core->cpus_used += worker->lease;
    core->pool_changed = true;
    core_worker_relist(core, worker);
}

/* ---- output --------------------------------------------------------------------------------- */

void
core_worker_output(struct core *core, const struct core_event *event)
{
    struct core_worker *worker = core_worker_find(core, event->u.output.worker);
    if (worker == NULL) {
        return;
    }
    char room[LODE_TASK_NAME_MAX + 1];
    struct core_task *task = core_task_find(core, event->u.output.task);
    const char *name = "worker";
    struct core_session *session = NULL;
    if (task != NULL && task->worker == worker) {
        name = core_task_name(task, room);
        session = task->session;
    } else if (worker->last_function != NULL) {
        name = worker->last_name[0] ? worker->last_name : worker->last_function->name;
        session = core_session_find(core, worker->last_session);
    }
    uint32_t name_size = (uint32_t)strnlen(name, LODE_TASK_NAME_MAX);
    uint32_t line_size =
        event->u.output.size < CORE_OUTPUT_LINE_MAX ? event->u.output.size : CORE_OUTPUT_LINE_MAX;
    struct lode_task_output *output = core_send(core, session, LODE_TASK_OUTPUT,
                                                (uint32_t)sizeof *output + name_size + line_size);
    if (output == NULL) {
        core_log(core, "WORKER-OUTPUT", "(%s pid=%lld) %.*s", name, (long long)worker->pid,
                 (int)(line_size < 400 ? line_size : 400), event->u.output.line);
        return;
    }
    *output = (struct lode_task_output){.pid = worker->pid,
                                        .name_size = name_size,
                                        .line_size = line_size,
                                        .dropped = event->u.output.dropped};
    memcpy(output + 1, name, name_size);
    memcpy((char *)(output + 1) + name_size, event->u.output.line, line_size);
}

/* ---- how many ------------------------------------------------------------------------------- */

static void
sooner(int64_t *deadline_io, int64_t when)
{
    if (*deadline_io == 0 || when < *deadline_io) {
        *deadline_io = when;
    }
}

/* Counts who can be given tasks; kills who does not come up, or does not go. */
static void
count_pool(struct core *core)
{
    core->pool_changed = false;
    core->pool_deadline = 0;
    core->usable = 0;
    struct core_worker *worker;
    TAILQ_FOREACH(worker, &core->all, all_link)
    {
        core->usable += worker->state == CORE_WORKER_UP && !worker->blocked && !worker->stale;
        bool timed = worker->state == CORE_WORKER_STARTING ||
                     (worker->state == CORE_WORKER_QUITTING && !worker->killed);
        if (timed && core->now - worker->since >= CORE_START_NS) {
            core_worker_kill(core, worker);
        } else if (timed) {
            sooner(&core->pool_deadline, worker->since + CORE_START_NS);
        }
    }
}

/* So many more tasks could run at this moment if there were workers for them. */
static uint32_t
tasks_without_worker(const struct core *core)
{
    if (core->ready_count == 0 || !TAILQ_EMPTY(&core->idle) ||
        core->cpus_used > core->options.cpus) {
        return 0;
    }
    const struct core_task *task = TAILQ_FIRST(&TAILQ_FIRST(&core->active)->ready);
    uint64_t free_cpus = core->options.cpus - core->cpus_used;
    uint64_t fit = task->cpus == 0 ? core->ready_count : free_cpus / task->cpus;
    return (uint32_t)(fit < core->ready_count ? fit : core->ready_count);
}

static void
start_missing(struct core *core)
{
    uint32_t want = core->options.prestart;
    uint32_t more = tasks_without_worker(core);
    more += more == 0 && TAILQ_EMPTY(&core->idle) && core_describe_waits(core);
    if (core->usable + more > want) {
        want = core->usable + more;
    }
    while (core->usable + core->starting < want && core->processes < core->options.worker_max) {
        if (core->now < core->spawn_after) {
            sooner(&core->pool_deadline, core->spawn_after);
            return;
        }
        start_one(core);
    }
}

static void
end_spare(struct core *core)
{
    struct core_worker *worker;
    while (core->usable > core->options.prestart &&
           (worker = TAILQ_LAST(&core->idle, core_worker_list)) != NULL) {
        if (core->now - worker->since < CORE_SPARE_NS) {
            sooner(&core->pool_deadline, worker->since + CORE_SPARE_NS);
            return;
        }
        core_worker_quit(core, worker);
        core->usable--;
    }
}

/* Ready tasks, and nobody who will ever run them: they end with an error, not in silence. */
static void
end_hopeless(struct core *core)
{
    if (core->usable > 0 || (core->ready_count == 0 && !core_describe_waits(core))) {
        core->stuck_since = 0;
        return;
    }
    if (core->start_failures >= CORE_START_FAILURES) {
        core_fail_ready(core, LODE_ECRASHED, "no worker can be started: see the scheduler's log");
        core_describe_fail_all(core, LODE_ECRASHED, "no worker can be started");
        return;
    }
    if (core->processes < core->options.worker_max || core->starting > 0) {
        core->stuck_since = 0;
        return;
    }
    if (core->stuck_since == 0) {
        core->stuck_since = core->now;
    }
    if (core->now - core->stuck_since >= CORE_STUCK_NS) {
        core_fail_ready(core, LODE_ELIMIT,
                        "every worker that may be started waits for something: nest tasks less "
                        "deeply");
        core_describe_fail_all(core, LODE_ELIMIT, "every worker is blocked");
        core->stuck_since = 0;
        return;
    }
    sooner(&core->pool_deadline, core->stuck_since + CORE_STUCK_NS);
}

void
core_workers_adjust(struct core *core)
{
    if (!core->pool_changed && core->ready_count == 0 && !core_describe_waits(core)) {
        return;
    }
    if (core->pool_changed) {
        count_pool(core);
    }
    start_missing(core);
    end_hopeless(core);
    if (core->usable > core->options.prestart) {
        end_spare(core);
    }
}
