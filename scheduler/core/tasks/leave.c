#include "scheduler/core/tasks/leave.h"

#include "scheduler/core/tasks/ends.h"
#include "scheduler/core/state/questions.h"
#include "scheduler/core/state/sessions.h"
#include "scheduler/core/state/tasks.h"
#include "scheduler/core/state/workers.h"

/* A RESULTS that is out: which task each id belongs to. */
struct results_question {
    struct core_question question;
    struct core_session *session;
    uint32_t count;
    uint64_t task[];
};

/* ---- what the store answers ------------------------------------------------------------------ */

/*
 * Abandons the task that was submitted last first: so a task goes before those it waits for. A task
 * for which another one waits is not abandoned while that one is to run (core_task_cancel()).
 */
static void
abandon_unwanted(struct core *core, struct core_session *session)
{
    struct core_task *before;
    session->questions++; /* keeps the session while its last task goes */
    for (struct core_task *task = TAILQ_LAST(&session->tasks, core_task_list); task != NULL;
         task = before) {
        before = TAILQ_PREV(task, core_task_list, of_session);
        if (!task->wanted) {
            core_task_cancel(core, task, CORE_ABANDON);
        }
    }
    session->questions--;
}

static void
results_answered(struct core *core, struct core_question *question, const uint8_t *status,
                 uint32_t count)
{
    const struct results_question *asked = (const void *)question;
    struct core_session *session = asked->session;
    for (uint32_t i = 0; i < asked->count && i < count; i++) {
        struct core_task *task = core_task_find(core, asked->task[i]);
        if (task != NULL && status[i] == LODE_FOUND_PENDING) {
            task->wanted = true;
        }
    }
    if (--session->questions == 0) {
        abandon_unwanted(core, session);
        core_session_settle(core, session);
    }
}

/* ---- the end -------------------------------------------------------------------------------- */

/* Where the list of results that are still to come goes on. */
struct results_at {
    struct core_task *task;
    uint32_t index;
};

/* One RESULTS packet. False: it is not full, and so the store takes it for the last one. */
static bool
ask_part(struct core *core, struct core_session *session, struct results_at *at)
{
    lode_id ids[CORE_STORE_IDS];
    struct results_question *asked =
        core_alloc(sizeof *asked + CORE_STORE_IDS * sizeof asked->task[0]);
    uint32_t count = 0;
    while (at->task != NULL && count < CORE_STORE_IDS) {
        ids[count] = lode_id_plus(at->task->results, at->index);
        asked->task[count++] = at->task->number;
        if (++at->index == at->task->result_count) {
            *at = (struct results_at){TAILQ_NEXT(at->task, of_session), 0};
        }
    }
    asked->question.answered = results_answered;
    asked->session = session;
    asked->count = count;
    session->questions++;
    core_ask(core, CORE_RESULTS, session->store_session, &asked->question, ids, count);
    return count == CORE_STORE_IDS;
}

void
core_session_end(struct core *core, uint64_t number)
{
    struct core_session *session = core_session_find(core, number);
    if (session == NULL || session->ended) {
        return;
    }
    core_session_forget_notices(core, session);
    session->ended = true;
    if (session->worker != NULL) {
        /*
         * The worker's process may still run, for user code may have closed the socket. Its tasks
         * are settled when it is reaped. A worker that was told to end closes its session first,
         * and then ends by itself.
         */
        if (session->worker->state != CORE_WORKER_QUITTING) {
            core_worker_kill(core, session->worker);
        }
        session->worker->session = NULL;
        session->worker = NULL;
    }
    struct core_task *task = TAILQ_FIRST(&session->tasks);
    while (task != NULL) {
        task->wanted = false;
        task = TAILQ_NEXT(task, of_session);
    }
    if (session->store_session != 0) {
        struct results_at at = {TAILQ_FIRST(&session->tasks), 0};
        while (ask_part(core, session, &at)) {
        }
    }
    core_session_settle(core, session);
}
