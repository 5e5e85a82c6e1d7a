#include "scheduler/core/workers/settle.h"

#include "scheduler/core/state/actions.h"
#include "scheduler/core/tasks/args.h"
#include "scheduler/core/workers/claims.h"
#include "scheduler/core/workers/printed.h"
#include "scheduler/core/tasks/ends.h"
#include "scheduler/core/state/errors.h"
#include "scheduler/core/libraries/loads.h"
#include "scheduler/core/state/questions.h"
#include "scheduler/core/state/sessions.h"
#include "scheduler/core/workers/starts.h"
#include "scheduler/core/tasks/states.h"
#include "scheduler/core/state/workers.h"

#include <signal.h>
#include <sys/wait.h>

/* The worker stays until this is answered. */
struct settle_question {
    struct core_question question;
    struct core_worker *worker;
};

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
        core_task_back(core, task);
        return;
    }
    char text[128];
    core_describe_death(death, text, sizeof text);
    core_task_fail(core, task, LODE_ECRASHED, death, "its worker (pid %lld) %s, attempt %u of %llu",
                   (long long)death->pid, text, task->attempts,
                   (unsigned long long)task->max_retries + 1);
}

/* A task that had not begun goes back uncharged, unless worker after worker died at its turn. */
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
    core_task_back(core, task);
}

_Static_assert((int)LODE_WORKER_BEGUN_MAX >= (int)CORE_DEPTH_MAX,
               "a page names all that a worker is given");

static bool
had_begun(const struct core_death *death, const struct core_task *task)
{
    for (uint32_t i = 0; i < LODE_WORKER_BEGUN_MAX; i++) {
        if (death->begun[i] == task->number) {
            return true;
        }
    }
    return false;
}

/*
 * Whether the task is done. The store remembers results that were made and freed, but not those of
 * a session that has ended: of these it says that they will not come. Then the worker's page
 * decides.
 */
static bool
is_done(const struct core_death *death, const struct core_task *task, const uint8_t *status,
        uint32_t count)
{
    bool is_gone = task->lane->session->ended && count > 0;
    for (uint32_t i = 0; i < count; i++) {
        if (status[i] == LODE_FOUND_SEALED) {
            return true;
        }
        is_gone = is_gone && status[i] == LODE_FOUND_GONE;
    }
    return is_gone && task->number == death->finished && had_begun(death, task);
}

/*
 * For how many of a task's results the store is asked. All are sealed in one step, but those that
 * nobody refers to are freed at once. So one that is there says that the task is done.
 */
static uint32_t
asked_of(const struct core_worker *worker, const struct core_task *task)
{
    uint32_t most = CORE_STORE_IDS / worker->asked;
    return task->result_count < most ? task->result_count : most;
}

/*
 * A task without results that had not begun goes back uncharged: the worker never came to it, or
 * its arguments were not there, or it was recalled and the answer is lost. A task that had begun is
 * charged. The last of these was running. One before it had ended, but its results were lost with
 * the worker's session.
 */
static void
settle_answered(struct core *core, struct core_question *question, const uint8_t *status,
                uint32_t count)
{
    struct core_worker *worker = ((const struct settle_question *)question)->worker;
    uint32_t at = 0;
    bool reached = false; /* any of them */
    struct core_task *task;
    TAILQ_FOREACH(task, &worker->queue, link)
    {
        uint32_t asked = asked_of(worker, task);
        uint32_t known = at < count ? count - at : 0;
        task->done = is_done(worker->death, task, known > 0 ? status + at : NULL,
                             asked < known ? asked : known);
        reached = reached || had_begun(worker->death, task);
        at += asked;
    }
    for (uint32_t i = worker->count; i-- > 0;) {
        task = TAILQ_LAST(&worker->queue, core_task_list);
        core_task_unlink(core, task);
        if (task->done) {
            core_task_end(core, task, false);
        } else if (had_begun(worker->death, task)) {
            charge(core, task, worker->death);
        } else {
            give_back(core, task, i == 0 && !reached, worker->death);
        }
    }
    core_worker_free(core, worker);
}

/* ---- reaped --------------------------------------------------------------------------------- */

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
    death->finished = atomic_load_explicit(&page->finished, memory_order_relaxed);
    for (uint32_t i = 0; i < LODE_WORKER_BEGUN_MAX; i++) {
        death->begun[i] = atomic_load_explicit(&page->begun[i], memory_order_relaxed);
    }
    death->at_address = atomic_load_explicit(&page->crash_set, memory_order_relaxed) != 0 &&
                        page->crash_signal == death->signal && page->crash_code > 0 &&
                        page->crash_code != SI_KERNEL;
    death->address = page->crash_address;
}

/* Asks the store, which drains the worker's ring first, which of its tasks have their results. */
static void
ask_store(struct core *core, struct core_worker *worker)
{
    lode_id ids[CORE_STORE_IDS];
    uint32_t count = 0;
    struct core_task *task;
    worker->asked = worker->count;
    TAILQ_FOREACH(task, &worker->queue, link)
    {
        core_task_settle(task);
        for (uint32_t i = 0; i < asked_of(worker, task); i++) {
            ids[count++] = lode_id_plus(task->results, i);
        }
    }
    struct settle_question *asked = core_alloc(sizeof *asked);
    asked->question.answered = settle_answered;
    asked->worker = worker;
    core_ask(core, CORE_SETTLE, worker->store_session, &asked->question, ids, count);
}

static void
log_death(struct core *core, const struct core_worker *worker)
{
    char text[128];
    core_describe_death(worker->death, text, sizeof text);
    core_log(core, "WORKER-DIED", "worker %u (pid %lld) %s with %u tasks", worker->number,
             (long long)worker->pid, text, worker->count);
}

/* It is gone: the store is asked what became of its tasks. */
static void
settle(struct core *core, struct core_worker *worker)
{
    core_worker_bury(core, worker);
    if (worker->session != NULL) {
        worker->session->worker = NULL;
        worker->session = NULL;
    }
    if (worker->describing != NULL) {
        core_describe_died(core, worker);
    }
    if (worker->count > 0) {
        ask_store(core, worker);
    }
    core_claims_ask(core, worker);
    if (worker->count == 0) {
        core_worker_free(core, worker);
    }
}

void
core_worker_exited(struct core *core, const struct core_event *event)
{
    struct core_worker *worker = core_worker_find(core, event->u.exited.worker);
    if (worker == NULL || worker->state == CORE_WORKER_DEAD) {
        return;
    }
    core_printed_end_all(core, worker);
    read_death(worker, event);
    if (worker->state != CORE_WORKER_QUITTING || worker->killed) {
        core->stats.workers_died++;
        log_death(core, worker);
    }
    if (!worker->was_up) {
        core_start_ended(core, worker);
    }
    settle(core, worker);
}

void
core_worker_spawned(struct core *core, uint32_t number, int64_t pid, uint32_t err)
{
    struct core_worker *worker = core_worker_find(core, number);
    if (worker == NULL || worker->state == CORE_WORKER_DEAD) {
        return;
    }
    worker->pid = pid;
    if (worker->session != NULL && worker->session->pid != pid) {
        core_cut(core, worker->session, LODE_EPROTO, "process %lld is not worker %u",
                 (long long)worker->session->pid, number); /* it came before its number was ours */
    }
    if (err != LODE_OK) {
        core_log(core, "WORKER-NOT-STARTED", "worker %u cannot be started: %s", number,
                 lode_err_text((lode_err)err));
        struct core_event gone = {.type = CORE_EXITED, .u.exited = {.worker = number}};
        read_death(worker, &gone);
        core_start_refused(core, (lode_err)err);
        settle(core, worker);
    }
}
