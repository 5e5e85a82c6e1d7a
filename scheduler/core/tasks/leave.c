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
 * True if the task belongs to a program that lives, and its parent has ended: then the worker that
 * has submitted it owes nothing to it any more, and may go. The program's end is its end.
 */
static bool
outlives_its_session(const struct core *core, const struct core_lane *lane)
{
    return lane->owner != 0 && !lane->program->ended && core_task_find(core, lane->owner) == NULL;
}

/*
 * Abandons the task that was submitted last first: so a task goes before those it waits for. A task
 * for which another one waits is not abandoned while that one is to run (core_task_cancel()).
 */
static void
abandon_unwanted(struct core *core, struct core_session *session)
{
    session->questions++; /* keeps the session while its last task goes */
    struct core_lane *lane = TAILQ_LAST(&session->lanes, core_lane_list), *held;
    while ((held = lane) != NULL) {
        held->users++; /* it goes only after the one before it is known */
        struct core_task *before;
        for (struct core_task *task = TAILQ_LAST(&held->tasks, core_task_list); task != NULL;
             task = before) {
            before = TAILQ_PREV(task, core_task_list, of_lane);
            if (!task->wanted && !outlives_its_session(core, held)) {
                core_task_cancel(core, task, CORE_ABANDON);
            }
        }
        lane = TAILQ_PREV(held, core_lane_list, of_session);
        core_lane_leave(core, held);
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
    struct core_lane *lane;
    struct core_task *task;
    uint32_t index;
};

/* The first task of that lane, or of the next one that has any. */
static void
begin_at_lane(struct results_at *at, struct core_lane *lane)
{
    while (lane != NULL && TAILQ_EMPTY(&lane->tasks)) {
        lane = TAILQ_NEXT(lane, of_session);
    }
    *at = (struct results_at){lane, lane != NULL ? TAILQ_FIRST(&lane->tasks) : NULL, 0};
}

static void
go_to_next_task(struct results_at *at)
{
    at->index = 0;
    at->task = TAILQ_NEXT(at->task, of_lane);
    if (at->task == NULL) {
        begin_at_lane(at, TAILQ_NEXT(at->lane, of_session));
    }
}

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
            go_to_next_task(at);
        }
    }
    asked->question.answered = results_answered;
    asked->session = session;
    asked->count = count;
    session->questions++;
    core_ask(core, CORE_RESULTS, session->store_session, &asked->question, ids, count);
    return count == CORE_STORE_IDS;
}

static void
ask_all(struct core *core, struct core_session *session)
{
    struct core_lane *lane;
    TAILQ_FOREACH(lane, &session->lanes, of_session)
    {
        struct core_task *task;
        TAILQ_FOREACH(task, &lane->tasks, of_lane)
        {
            task->wanted = false;
        }
    }
    struct results_at at;
    begin_at_lane(&at, TAILQ_FIRST(&session->lanes));
    while (ask_part(core, session, &at)) {
    }
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
    core_program_end(core, session->program);
    if (session->store_session != 0) {
        ask_all(core, session);
    }
    core_session_settle(core, session);
}
