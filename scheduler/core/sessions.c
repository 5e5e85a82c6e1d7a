/*
 * sessions.c: programs and workers as peers: their coming, their end, their end notices; and what
 * becomes of the tasks of one that has ended.
 */
#include "scheduler/core/state.h"

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

/* ---- opening -------------------------------------------------------------------------------- */

static void
bind_worker(struct core *core, struct core_session *session, uint32_t number)
{
    struct core_worker *worker = core_worker_find(core, number);
    if (worker == NULL || worker->state != CORE_WORKER_STARTING || worker->session != NULL) {
        core_cut(core, session, LODE_EPROTO, "no worker %u is being started", number);
        return;
    }
    session->worker = worker;
    worker->session = session;
    worker->store_session = session->store_session;
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

void
core_session_open(struct core *core, const struct core_event *event)
{
    if (core_session_find(core, event->u.open.session) != NULL) {
        return;
    }
    struct core_session *session = core_alloc(sizeof *session);
    memset(session, 0, sizeof *session);
    session->number = event->u.open.session;
    session->store_session = event->u.open.store_session;
    session->pid = event->u.open.pid;
    session->is_worker = event->u.open.role == LODE_ROLE_WORKER;
    TAILQ_INIT(&session->tasks);
    TAILQ_INIT(&session->ready);
    HASH_ADD(by_number, core->sessions, number, sizeof session->number, session);
    if (!is_new_at_store(core, session)) {
        core_cut(core, session, LODE_EPROTO, "store session %llu is none, or is attached already",
                 (unsigned long long)session->store_session);
        session->store_session = 0; /* so that no id is of this session */
        return;
    }
    HASH_ADD(by_store, core->by_store, store_session, sizeof session->store_session, session);
    if (session->is_worker) {
        bind_worker(core, session, event->u.open.worker);
    }
}

/* ---- end notices ---------------------------------------------------------------------------- */

static void
forget_notices(struct core *core, struct core_session *session)
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
    struct lode_task_ended *ended =
        core_send(core, session, LODE_TASK_ENDED,
                  (uint32_t)(sizeof *ended + count * sizeof session->ended_submissions[0]));
    forget_notices(core, session);
    if (ended == NULL) {
        return;
    }
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
    if (!session->ended || session->task_count > 0 || session->queries > 0) {
        return;
    }
    LODE_ASSERT(!session->active && session->worker == NULL);
    HASH_DELETE(by_number, core->sessions, session);
    if (session->store_session != 0) {
        HASH_DELETE(by_store, core->by_store, session);
    }
    if (core->last_seen == session) {
        core->last_seen = NULL;
    }
    if (core->wide == session) {
        core->wide = NULL;
    }
    free(session);
}

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
    struct core_query *query = core_alloc(sizeof *query + CORE_STORE_IDS * sizeof query->task[0]);
    uint32_t count = 0;
    while (at->task != NULL && count < CORE_STORE_IDS) {
        ids[count] = lode_id_plus(at->task->results, at->index);
        query->task[count++] = at->task->number;
        if (++at->index == at->task->result_count) {
            *at = (struct results_at){TAILQ_NEXT(at->task, of_session), 0};
        }
    }
    query->cookie = core->next_cookie += 2;
    query->session = session;
    query->count = count;
    HASH_ADD(hh, core->queries, cookie, sizeof query->cookie, query);
    session->queries++;
    uint32_t size = count * (uint32_t)sizeof ids[0];
    void *bytes = core_emit(core, CORE_RESULTS, session->store_session, query->cookie, 0, size);
    memcpy(bytes, ids, size);
    return count == CORE_STORE_IDS;
}

void
core_session_end(struct core *core, uint64_t number)
{
    struct core_session *session = core_session_find(core, number);
    if (session == NULL || session->ended) {
        return;
    }
    forget_notices(core, session);
    session->ended = true;
    if (session->worker != NULL) {
        /* Its process may still run (user code closed the socket): it is settled when reaped. */
        core_worker_kill(core, session->worker);
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

/* What a wanted task waits for is wanted too, through any number of steps. */
static void
spread_wanted(struct core_session *session)
{
    struct core_task **stack = core_alloc((session->task_count + 1) * sizeof *stack);
    uint32_t depth = 0;
    struct core_task *task;
    TAILQ_FOREACH(task, &session->tasks, of_session)
    {
        for (struct core_result *r = task->made; r != NULL && !task->wanted; r = r->sibling) {
            struct core_dep *dep;
            LIST_FOREACH(dep, &r->waiters, of_result)
            {
                task->wanted = task->wanted || dep->task->session != session;
            }
        }
        if (task->wanted) {
            stack[depth++] = task;
        }
    }
    while (depth > 0) {
        for (struct core_dep *dep = stack[--depth]->deps; dep != NULL; dep = dep->next) {
            struct core_task *maker = dep->result->task;
            if (maker->session == session && !maker->wanted) {
                maker->wanted = true;
                stack[depth++] = maker;
            }
        }
    }
    free(stack);
}

/* The last submitted first: so a task goes before what it waits for. */
static void
abandon_unwanted(struct core *core, struct core_session *session)
{
    struct core_task *before;
    session->queries++; /* keeps the session while its last task goes */
    for (struct core_task *task = TAILQ_LAST(&session->tasks, core_task_list); task != NULL;
         task = before) {
        before = TAILQ_PREV(task, core_task_list, of_session);
        if (!task->wanted) {
            core_task_cancel(core, task, true);
        }
    }
    session->queries--;
}

void
core_results_answered(struct core *core, uint64_t cookie, const uint8_t *status, uint32_t count)
{
    struct core_query *query;
    HASH_FIND(hh, core->queries, &cookie, sizeof cookie, query);
    if (query == NULL) {
        return;
    }
    struct core_session *session = query->session;
    for (uint32_t i = 0; i < query->count && i < count; i++) {
        struct core_task *task = core_task_find(core, query->task[i]);
        if (task != NULL && status[i] == LODE_FOUND_PENDING) {
            task->wanted = true;
        }
    }
    HASH_DELETE(hh, core->queries, query);
    free(query);
    if (--session->queries == 0) {
        spread_wanted(session);
        abandon_unwanted(core, session);
        core_session_settle(core, session);
    }
}
