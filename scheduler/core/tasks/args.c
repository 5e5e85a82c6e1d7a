#include "scheduler/core/tasks/args.h"

#include "scheduler/core/state/actions.h"
#include "scheduler/core/tasks/chain.h"
#include "scheduler/core/tasks/ends.h"
#include "scheduler/core/state/objects.h"
#include "scheduler/core/state/sessions.h"
#include "scheduler/core/tasks/states.h"

/* True for the result of a task that was submitted here and has ended. */
static bool
has_come(struct core *core, lode_id id)
{
    if (lode_id_kind(id) != LODE_ID_RESULT) {
        return false;
    }
    struct core_session *maker = core_session_of_store(core, lode_id_session(id));
    return maker != NULL && lode_id_low(id) <= maker->last_result;
}

/* Whether an argument is there. `trust`: the submitter is believed; see args.h. */
static bool
is_there(struct core *core, const struct lode_task_arg *arg, lode_id id, bool trust)
{
    if (!trust) {
        return false;
    }
    bool is_result = lode_id_kind(id) == LODE_ID_RESULT;
    if (arg->ready != 0 && !is_result) {
        return true; /* the common case: the table need not be looked at */
    }
    return (arg->ready != 0 || has_come(core, id)) && core_object_find(&core->objects, id) == NULL;
}

/* The ids that the store is to be asked for. */
struct unknown {
    uint32_t count;
    lode_id id[LODE_TASK_ARGS_MAX];
};

/* Notes that the task waits for an object. False: the task is to make that object itself. */
static bool
look_for(struct core *core, struct core_task *task, const struct lode_task_arg *arg, bool trust,
         struct unknown *unknown)
{
    lode_id id;
    if (arg->kind != LODE_ARG_REF) {
        return true;
    }
    memcpy(&id, arg + 1, sizeof id);
    if (is_there(core, arg, id, trust)) {
        return true;
    }
    const struct core_object *object = core_object_find(&core->objects, id);
    if (object != NULL && object->task == task) {
        return false;
    }
    bool is_new;
    core_dep_add(core, task, id, &is_new);
    task->waiting++;
    if (is_new) {
        unknown->id[unknown->count++] = id;
    }
    return true;
}

/* Goes through all arguments. False: the task has its own result as argument. */
static bool
look_for_all(struct core *core, struct core_task *task, bool trust)
{
    struct unknown unknown;
    const uint8_t *at = task->bytes + core_align8(task->name_size);
    bool is_possible = true;
    unknown.count = 0;
    for (uint32_t i = 0; i < task->arg_count; i++) {
        const struct lode_task_arg *arg = (const void *)at;
        is_possible = look_for(core, task, arg, trust, &unknown) && is_possible;
        at += sizeof *arg + core_align8(arg->size);
    }
    if (unknown.count > 0) {
        core_emit_ids(core, CORE_WATCH, 0, core->objects.watch, unknown.id, unknown.count);
    }
    return is_possible;
}

/* True if all are there. Else the task waits, or is chained, or has failed. */
static bool
has_all(struct core *core, struct core_task *task, bool trust)
{
    task->waiting = 0;
    bool is_possible = look_for_all(core, task, trust);
    if (is_possible && task->waiting == 0) {
        return true;
    }
    core_task_wait(core, task);
    if (is_possible) {
        core_task_go_on(core, task);
    } else {
        core_task_unlink(core, task);
        core_task_fail(core, task, LODE_EINVAL, NULL, "the task has its own result as argument");
    }
    return false;
}

void
core_task_look_for_args(struct core *core, struct core_task *task, bool trust)
{
    if (has_all(core, task, trust)) {
        core_task_ready(core, task);
    }
}

void
core_task_begin(struct core *core, struct core_task *task)
{
    if (has_all(core, task, true) && !core_task_place_at_once(core, task)) {
        core_task_ready(core, task);
    }
}

void
core_task_back(struct core *core, struct core_task *task)
{
    if (task->waiting > 0) {
        core_task_look_for_args(core, task, true);
    } else {
        core_task_ready(core, task);
    }
}

static lode_err
why_not(const struct lode_msg_ready *ready)
{
    if (ready->status == LODE_FOUND_SEALED) {
        return ready->is_error != 0 ? LODE_ETASK : LODE_OK;
    }
    return ready->status == LODE_FOUND_ABORTED ? LODE_EABORTED : LODE_EGONE;
}

void
core_notified(struct core *core, uint64_t cookie, const struct lode_msg_ready *ready,
              uint32_t count)
{
    for (uint32_t i = 0; i < count; i++) {
        if (ready[i].status == LODE_FOUND_STARVED) {
            core_object_starved(core, cookie, ready[i].id);
            continue;
        }
        struct core_object *object = core_object_answered(&core->objects, cookie, ready[i].id);
        if (object != NULL) {
            core_tell_waiters(core, object, why_not(&ready[i]));
            core_object_close(&core->objects, object);
        }
    }
}
