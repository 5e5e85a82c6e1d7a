#include "scheduler/core/tasks/ends.h"

#include "scheduler/core/state/actions.h"
#include "scheduler/core/tasks/chain.h"
#include "scheduler/core/state/errors.h"
#include "scheduler/core/state/objects.h"
#include "scheduler/core/tasks/recall.h"
#include "scheduler/core/state/sessions.h"
#include "scheduler/core/tasks/states.h"
#include "scheduler/core/state/tasks.h"
#include "scheduler/core/state/workers.h"

#include <stdarg.h>
#include <stdio.h>

/* ---- failing -------------------------------------------------------------------------------- */

void
core_task_fail(struct core *core, struct core_task *task, lode_err code,
               const struct core_death *death, const char *format, ...)
{
    char text[1024];
    va_list args;
    va_start(args, format);
    vsnprintf(text, sizeof text, format, args);
    va_end(args);
    core_task_start_failing(task);
    task->gave_up = code == LODE_ECANCELLED;
    core_failure_note(core, task, code, death, text);
    core_put_error(core, task, (lode_id){{0}}, code, death, text);
}

/* Fails the task with the failure of which the error object `cause` tells. */
static void
fail_as(struct core *core, struct core_task *task, lode_id cause)
{
    static const char TEXT[] = "not run: the task that was to make an argument of it failed";
    core_task_start_failing(task);
    core_failure_note(core, task, LODE_ETASK, NULL, TEXT);
    core_put_error(core, task, cause, LODE_ETASK, NULL, TEXT);
}

/* ---- stopping ------------------------------------------------------------------------------- */

/*
 * True if a task that is not abandoned waits for this one: then this one is not abandoned either.
 */
static bool
is_waited_for(const struct core_task *task)
{
    for (const struct core_object *r = task->made; r != NULL; r = r->sibling) {
        const struct core_dep *dep;
        TAILQ_FOREACH(dep, &r->waiters, of_object)
        {
            if (!dep->task->abandoned) {
                return true;
            }
        }
    }
    return false;
}

bool
core_task_is_unwanted(struct core_task *task)
{
    if (task->abandoned && is_waited_for(task)) {
        task->abandoned = false;
        task->forced = task->forced && task->cancelled;
        task->cancels_nested = task->cancels_nested && task->cancelled;
    }
    return task->abandoned;
}

bool
core_task_stop(struct core *core, struct core_task *task)
{
    if (core_task_is_unwanted(task)) {
        task->gave_up = true;
        core_task_end(core, task, true);
        return true;
    }
    if (task->timed_out) {
        core_task_fail(core, task, LODE_ETIMEDOUT, NULL, "%s within its time limit of %u ms",
                       task->attempts > 0 ? "not done" : "not run", task->limit_ms);
    } else if (task->cancelled) {
        core_task_fail(core, task, LODE_ECANCELLED, NULL, "the task was cancelled");
    }
    return task->cancelled;
}

/* ---- the end -------------------------------------------------------------------------------- */

static void
fail_waiter(struct core *core, struct core_task *task, lode_id id, lode_err why)
{
    core_task_unlink(core, task);
    if (core_task_stop(core, task)) {
        return;
    }
    if (why == LODE_ETASK) {
        fail_as(core, task, id);
    } else if (why == LODE_EABORTED) {
        core_task_fail(core, task, LODE_EABORTED, NULL,
                       "not run: an argument was given up before it was sealed");
    } else {
        core_task_fail(core, task, LODE_EGONE, NULL,
                       "not run: an argument is gone: keep a reference to it until the task ends");
    }
}

void
core_tell_waiters(struct core *core, struct core_object *object, lode_err why)
{
    struct core_dep *dep;
    while ((dep = TAILQ_FIRST(&object->waiters)) != NULL) {
        struct core_task *waiter = dep->task;
        if (why != LODE_OK && waiter->state == CORE_TASK_WAITING) {
            fail_waiter(core, waiter, object->id, why);
        } else {
            core_dep_remove(core, dep);
            core_task_arg_came(core, waiter);
        }
    }
}

void
core_task_end(struct core *core, struct core_task *task, bool error)
{
    for (struct core_object *object = task->made; object != NULL; object = object->sibling) {
        core_tell_waiters(core, object, error ? LODE_ETASK : LODE_OK);
    }
    core->stats.finished++;
    core->stats.failed += error && !task->gave_up;
    core->stats.cancelled += error && task->gave_up;
    if (!task->lane->session->ended && (task->flags & LODE_SUBMIT_UNTOLD) == 0) {
        core_session_notice(core, task->lane->session, task->submission);
    }
    core_task_destroy(core, task);
}

void
core_task_error_done(struct core *core, uint64_t cookie)
{
    struct core_task *task = core_task_find(core, cookie);
    if (task != NULL && task->state == CORE_TASK_FAILING) {
        core_task_end(core, task, true);
    }
}

/* ---- cancelling ----------------------------------------------------------------------------- */

static void
send_stop(struct core *core, struct core_task *task)
{
    struct lode_task_cancel *stop =
        core_send(core, task->worker->session, LODE_TASK_STOP_TASK, sizeof *stop);
    if (stop != NULL) {
        *stop = (struct lode_task_cancel){.result = task->results,
                                          .task = task->number,
                                          .limit_ms = task->timed_out ? task->limit_ms : 0};
    }
}

/* The worker gives the task back if it has not begun. If it is still there then, it is running. */
static void
tell(struct core *core, struct core_task *task)
{
    core_recall(core, task->worker, task);
    send_stop(core, task);
}

/* What is to be done about a task that is cancelled. */
struct cancelling {
    bool ignored; /* nothing */
    bool told;    /* it was told before */
    bool more_force;
    bool nested_too;
};

static struct cancelling
note(struct core_task *task, uint32_t how)
{
    struct cancelling c = {.ignored = true};
    if (task->state == CORE_TASK_FAILING ||
        ((how & CORE_CANCEL_UNNEEDED) != 0 && is_waited_for(task))) {
        return c;
    }
    bool silent = (how & CORE_CANCEL_SILENT) != 0;
    bool told_by_force = task->forced, told_nested = task->cancels_nested;
    c = (struct cancelling){.told = task->cancelled || task->abandoned};
    task->cancelled = task->cancelled || !silent;
    task->abandoned = task->abandoned || silent;
    task->timed_out = task->timed_out || (!c.told && (how & CORE_CANCEL_LATE) != 0);
    task->forced = told_by_force || (how & CORE_CANCEL_FORCE) != 0;
    task->cancels_nested = told_nested || (how & CORE_CANCEL_RECURSIVE) != 0;
    c.more_force = task->forced && !told_by_force;
    c.nested_too = task->cancels_nested && (c.more_force || !told_nested);
    return c;
}

/* A task that is in no queue ends now. It is gone then, if it is abandoned. */
static void
carry_out(struct core *core, struct core_task *task, struct cancelling c)
{
    if (c.ignored || task->state == CORE_TASK_SETTLING) { /* the settlement looks */
        return;
    }
    if (task->state != CORE_TASK_PLACED) {
        core_task_unlink(core, task);
        core_task_stop(core, task);
        return;
    }
    if (c.more_force) {
        task->worker->has_forced = true;
        core->pool_changed = true;
        core_worker_relist(core, task->worker);
    }
    if (!c.told) {
        tell(core, task);
    }
}

/* The first task in this lane of a task, or in its next ones; NULL: they are empty. */
static struct core_task *
first_in(const struct core_lane *lane)
{
    while (lane != NULL && TAILQ_EMPTY(&lane->tasks)) {
        lane = lane->sibling;
    }
    return lane != NULL ? TAILQ_FIRST(&lane->tasks) : NULL;
}

/* The next task of those that `top` has submitted, but for what `task` has submitted itself. */
static struct core_task *
next_beside(const struct core_task *task, const struct core_task *top)
{
    struct core_task *next = NULL;
    for (; next == NULL && task != top; task = task->lane->parent) {
        next = TAILQ_NEXT(task, of_lane);
        next = next != NULL ? next : first_in(task->lane->sibling);
    }
    return next;
}

/*
 * What the task has submitted is cancelled because the task is: not for its time limit, and also if
 * another task waits for it. Nothing of it is gone after that, for nothing of it is abandoned by
 * it. A walk, and no recursion: a hostile worker nests as deeply as it likes.
 */
static void
cancel_nested(struct core *core, const struct core_task *top)
{
    struct core_task *task = first_in(top->nested), *below;
    while (task != NULL) {
        uint32_t force = task->lane->parent->forced ? CORE_CANCEL_FORCE : 0;
        struct cancelling c = note(task, CORE_CANCEL_RECURSIVE | force);
        carry_out(core, task, c);
        below = c.nested_too ? first_in(task->nested) : NULL;
        task = below != NULL ? below : next_beside(task, top);
    }
}

void
core_task_cancel(struct core *core, struct core_task *task, uint32_t how)
{
    struct cancelling c = note(task, how);
    bool goes = task->state != CORE_TASK_PLACED; /* it may have submitted some when it ran before */
    if (!goes) {
        carry_out(core, task, c);
    }
    if (c.nested_too) {
        cancel_nested(core, task);
    }
    if (goes) {
        carry_out(core, task, c);
    }
}
