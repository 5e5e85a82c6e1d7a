#include "scheduler/core/state/sessions.h"

#include "scheduler/core/state/actions.h"
#include "scheduler/core/state/workers.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

/* ---- finding -------------------------------------------------------------------------------- */

struct core_session *
core_session_find(struct core *core, uint64_t number)
{
    struct core_session *session = core->last_seen;
    if (session != NULL && session->number == number) {
        return session;
    }
    HASH_FIND(by_number, core->sessions, &number, sizeof number, session);
    if (session != NULL) {
        core->last_seen = session;
    }
    return session;
}

struct core_session *
core_session_of_store(struct core *core, uint64_t store_session)
{
    struct core_session *session = core->last_seen;
    if (session != NULL && session->store_session == store_session) {
        return session;
    }
    HASH_FIND(by_store, core->by_store, &store_session, sizeof store_session, session);
    return session;
}

/* ---- sending -------------------------------------------------------------------------------- */

static bool
can_be_told(const struct core_session *session)
{
    return !session->ended && !session->cut;
}

void *
core_send(struct core *core, struct core_session *session, enum lode_task_msg message,
          uint32_t size)
{
    if (session == NULL || !can_be_told(session)) {
        return NULL;
    }
    if (session->ended_count > 0) {
        core_session_flush(core, session);
    }
    return core_emit_record(core, session->number, message, size);
}

void
core_cut(struct core *core, struct core_session *session, lode_err err, const char *format, ...)
{
    if (session->cut || session->ended) {
        return;
    }
    char text[512];
    va_list args;
    va_start(args, format);
    vsnprintf(text, sizeof text, format, args);
    va_end(args);
    session->cut = true;
    uint32_t size = (uint32_t)strlen(text) + 1;
    memcpy(core_emit(core, CORE_CUT, session->number, 0, err, size), text, size);
    if (session->worker != NULL) {
        core_worker_kill(core, session->worker);
    }
}

/* ---- opening -------------------------------------------------------------------------------- */

static void
bind_worker(struct core *core, struct core_session *session, uint32_t number)
{
    struct core_worker *worker = core_worker_find(core, number);
    bool is_expected = worker != NULL && worker->state == CORE_WORKER_STARTING &&
                       worker->session == NULL && (worker->pid == 0 || worker->pid == session->pid);
    if (!is_expected) {
        core_cut(core, session, LODE_EPROTO, "process %lld is not worker %u that is being started",
                 (long long)session->pid, number);
        return;
    }
    session->worker = worker;
    worker->session = session;
    worker->store_session = session->store_session;
}

static bool
has_task(const struct core_worker *worker, uint64_t number)
{
    const struct core_task *task;
    TAILQ_FOREACH(task, &worker->queue, link)
    {
        if (task->number == number) {
            return true;
        }
    }
    return false;
}

/*
 * A session of a worker's process, or of one that a task there has started. A process whose task
 * has ended is a program of its own: the worker may run a stranger's task by now. So is one that an
 * earlier scheduler's worker of that number has left, or that only says so: it has not the key of
 * the task's program.
 */
static void
note_host(struct core *core, struct core_session *session, const struct core_event *event)
{
    uint32_t number = event->u.open.worker;
    uint64_t started_by = event->u.open.task;
    const struct core_worker *worker = core_worker_find(core, number);
    if (worker == NULL) {
        return;
    }
    if (worker->pid == session->pid) {
        session->host = number;
        session->home = worker->program != NULL ? worker->program->number : 0;
    } else if (worker->program != NULL && worker->program->key == event->u.open.key &&
               has_task(worker, started_by)) {
        session->inside = started_by;
    }
}

/* Numbers of sessions at the store begin with 1, and each session attaches once. */
static bool
is_new_at_store(struct core *core, const struct core_session *session)
{
    struct core_session *same;
    HASH_FIND(by_store, core->by_store, &session->store_session, sizeof session->store_session,
              same);
    return session->store_session != 0 && same == NULL;
}

/* Enters it into both tables. False: there is no memory, and it is in neither. */
static bool
enter(struct core *core, struct core_session *session)
{
    HASH_ADD(by_number, core->sessions, number, sizeof session->number, session);
    if (!hash_has(by_number, session)) {
        return false;
    }
    if (session->store_session != 0) {
        HASH_ADD(by_store, core->by_store, store_session, sizeof session->store_session, session);
        if (!hash_has(by_store, session)) {
            HASH_DELETE(by_number, core->sessions, session);
            return false;
        }
    }
    return true;
}

/* It does not become known: what it says is ignored until it has gone. */
static void
turn_away(struct core *core, uint64_t number)
{
    static const char WHY[] = "no memory for a session";
    memcpy(core_emit(core, CORE_CUT, number, 0, LODE_ENOMEM, sizeof WHY), WHY, sizeof WHY);
}

void
core_session_open(struct core *core, const struct core_event *event)
{
    if (core_session_find(core, event->u.open.session) != NULL) {
        return;
    }
    struct core_session *session = calloc(1, sizeof *session);
    if (session == NULL) {
        turn_away(core, event->u.open.session);
        return;
    }
    session->number = event->u.open.session;
    session->store_session = event->u.open.store_session;
    session->pid = event->u.open.pid;
    session->is_worker = event->u.open.role == LODE_ROLE_WORKER;
    TAILQ_INIT(&session->lanes);
    bool is_new = is_new_at_store(core, session);
    if (!is_new) {
        session->store_session = 0; /* so that no id is of this session */
    }
    session->program = core_program_create(session, core->options.worker_max, core->running_max);
    if (session->program == NULL || !enter(core, session)) {
        free(session->program);
        free(session);
        turn_away(core, event->u.open.session);
        return;
    }
    session->program->key = event->u.open.secret;
    if (!is_new) {
        core_cut(core, session, LODE_EPROTO, "store session %llu is none, or is attached already",
                 (unsigned long long)event->u.open.store_session);
    } else if (session->is_worker) {
        bind_worker(core, session, event->u.open.worker);
    } else if (event->u.open.worker != 0) {
        note_host(core, session, event);
    }
}

/* ---- names ---------------------------------------------------------------------------------- */

void
core_session_forget_names(struct core *core, struct core_session *session, uint32_t flags)
{
    session->knows_names = false;
    struct lode_task_forget *forget =
        core_send(core, session, LODE_TASK_FORGET, (uint32_t)sizeof *forget);
    if (forget != NULL) {
        *forget = (struct lode_task_forget){.flags = flags};
    }
}

/* ---- end notices ---------------------------------------------------------------------------- */

void
core_session_forget_notices(struct core *core, struct core_session *session)
{
    if (session->ended_count > 0) {
        TAILQ_REMOVE(&core->notices, session, notice_link);
        session->ended_count = 0;
    }
}

void
core_session_flush(struct core *core, struct core_session *session)
{
    uint32_t count = session->ended_count;
    core_session_forget_notices(core, session);
    if (!can_be_told(session)) {
        return;
    }
    struct lode_task_ended *ended =
        core_emit_record(core, session->number, LODE_TASK_ENDED,
                         (uint32_t)(sizeof *ended + count * sizeof session->ended_submissions[0]));
    *ended = (struct lode_task_ended){.count = count};
    memcpy(ended + 1, session->ended_submissions, count * sizeof session->ended_submissions[0]);
}

void
core_session_notice(struct core *core, struct core_session *session, uint64_t submission)
{
    if (session->ended_count == 0) {
        session->notice_since = core->now;
        TAILQ_INSERT_TAIL(&core->notices, session, notice_link);
    }
    session->ended_submissions[session->ended_count++] = submission;
    if (session->ended_count == CORE_ENDED_MAX) {
        core_session_flush(core, session);
    }
}

/* ---- the end -------------------------------------------------------------------------------- */

void
core_session_settle(struct core *core, struct core_session *session)
{
    if (!session->ended || session->task_count > 0 || session->questions > 0) {
        return;
    }
    LODE_ASSERT(session->worker == NULL);
    HASH_DELETE(by_number, core->sessions, session);
    if (session->store_session != 0) {
        HASH_DELETE(by_store, core->by_store, session);
    }
    if (core->last_seen == session) {
        core->last_seen = NULL;
    }
    core_lanes_leave_session(core, session);
    core_program_leave(core, session->program);
    free(session);
}
