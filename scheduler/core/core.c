/* core.c: the machine as a whole: its making and its step. */
#include "scheduler/core/core.h"

#include "scheduler/core/tasks/args.h"
#include "scheduler/core/check.h"
#include "scheduler/core/state/actions.h"
#include "scheduler/core/tasks/dispatch.h"
#include "scheduler/core/tasks/ends.h"
#include "scheduler/core/libraries/functions.h"
#include "scheduler/core/tasks/leave.h"
#include "scheduler/core/libraries/loads.h"
#include "scheduler/core/libraries/offers.h"
#include "scheduler/core/workers/printed.h"
#include "scheduler/core/state/objects.h"
#include "scheduler/core/state/questions.h"
#include "scheduler/core/tasks/orphans.h"
#include "scheduler/core/tasks/recall.h"
#include "scheduler/core/workers/reports.h"
#include "scheduler/core/state/sessions.h"
#include "scheduler/core/workers/settle.h"
#include "scheduler/core/workers/staff.h"
#include "scheduler/core/document.h"
#include "scheduler/core/list.h"
#include "scheduler/core/programs/turns.h"
#include "scheduler/core/tasks/submit.h"
#include "scheduler/core/timer.h"
#include "scheduler/core/state/workers.h"

#include <stdlib.h>

static void
set_options(struct core *core, const struct core_options *options)
{
    core->options = *options;
    core->total = (struct core_resources){.cpus = options->cpus};
    uint32_t cpus = (options->cpus + LODE_CPU_UNIT - 1) / LODE_CPU_UNIT;
    core->running_max = CORE_RUNNING_OF_CPU * cpus + CORE_RUNNING_MAX;
    LODE_ASSERT(options->cpus > 0);
    if (core->options.prestart == 0) {
        core->options.prestart = cpus;
    }
    if (core->options.worker_max == 0) {
        core->options.worker_max = CORE_PROGRAM_WORKERS;
    }
    if (core->options.worker_max > CORE_WORKER_MAX) {
        core->options.worker_max = CORE_WORKER_MAX;
    }
    if (core->options.prestart > core->options.worker_max) {
        core->options.prestart = core->options.worker_max;
    }
    if (core->options.load_s == 0) {
        core->options.load_s = CORE_LOAD_S;
    }
    if (core->options.task_max == 0 || core->options.task_max > CORE_TASK_MAX) {
        core->options.task_max = CORE_TASK_MAX;
    }
    core->builtin_name = core_copy_text(options->builtin_name);
    core->builtin_path = core_copy_text(options->builtin_path);
}

enum { OUT_KEPT = 4 << 20 }; /* bytes of the list of actions that are kept for the next steps */

struct core *
core_create(const struct core_options *options, int64_t now_ns)
{
    struct core *core = core_alloc(sizeof *core);
    memset(core, 0, sizeof *core);
    set_options(core, options);
    core->now = core->started_ns = now_ns;
    core_pool_init(&core->task_pool, sizeof(struct core_task));
    core_objects_init(&core->objects);
    TAILQ_INIT(&core->programs);
    TAILQ_INIT(&core->parked);
    TAILQ_INIT(&core->ended);
    TAILQ_INIT(&core->capped);
    TAILQ_INIT(&core->notices);
    TAILQ_INIT(&core->all);
    TAILQ_INIT(&core->idle);
    TAILQ_INIT(&core->to_fill);
    TAILQ_INIT(&core->loads);
    TAILQ_INIT(&core->questions);
    core_workers_start(core);
    core_workers_adjust(core);
    core_timer_arm(core);
    return core;
}

/* ---- destroying: nobody is told any more ---------------------------------------------------- */

static void
take_out_tasks(struct core *core, struct core_session *session)
{
    struct core_lane *lane;
    TAILQ_FOREACH(lane, &session->lanes, of_session)
    {
        struct core_task *task;
        TAILQ_FOREACH(task, &lane->tasks, of_lane)
        {
            core_deps_remove(core, task);
            if (task->state == CORE_TASK_READY) {
                core_turns_remove(core, task);
            }
        }
    }
}

static void
destroy_tasks(struct core *core, struct core_lane *lane)
{
    struct core_task *task;
    while ((task = TAILQ_FIRST(&lane->tasks)) != NULL) {
        TAILQ_REMOVE(&lane->tasks, task, of_lane);
        core_objects_forget(core, task);
        core_lanes_leave_nested(core, task);
        core_lane_leave(core, lane);
        if (task->bytes_size > CORE_INLINE_ARGS) {
            free(task->bytes);
        }
        core_pool_give(&core->task_pool, task);
    }
}

static void
destroy_sessions(struct core *core)
{
    struct core_session *session, *next;
    HASH_ITER(by_number, core->sessions, session, next)
    {
        take_out_tasks(core, session);
    }
    HASH_ITER(by_number, core->sessions, session, next)
    {
        struct core_lane *lane = TAILQ_FIRST(&session->lanes), *held;
        while ((held = lane) != NULL) {
            held->users++; /* it goes only after the next one is known */
            destroy_tasks(core, held);
            lane = TAILQ_NEXT(held, of_session);
            core_lane_leave(core, held);
        }
        HASH_DELETE(by_number, core->sessions, session);
        if (session->store_session != 0) {
            HASH_DELETE(by_store, core->by_store, session);
        }
        core_lanes_leave_session(core, session);
        core_program_leave(core, session->program);
        free(session);
    }
}

static void
destroy_workers(struct core *core)
{
    struct core_worker *worker;
    while ((worker = TAILQ_FIRST(&core->all)) != NULL) {
        worker->count = 0;
        worker->list = CORE_LIST_NONE;
        if (worker->program != NULL) {
            worker->program->workers--;
            TAILQ_INIT(&worker->program->open);
        }
        core_worker_free(core, worker);
    }
}

void
core_destroy(struct core *core)
{
    if (core == NULL) {
        return;
    }
    core_questions_fini(core);
    destroy_workers(core);
    TAILQ_INIT(&core->idle);
    destroy_sessions(core);
    core->last_seen = NULL;
    struct core_load *load;
    TAILQ_FOREACH(load, &core->loads, link)
    {
        load->worker = NULL;
    }
    core_loads_fini(core);
    core_offers_fini(core);
    core_functions_fini(core);
    core_objects_fini(&core->objects);
    core_deadlines_fini(core);
    core_pool_fini(&core->task_pool);
    free(core->builtin_name);
    free(core->builtin_path);
    free(core->slot);
    free(core->out);
    free(core->text);
    free(core);
}

/* ---- records -------------------------------------------------------------------------------- */

static void
got_recalled(struct core *core, struct core_session *session, const void *bytes, uint32_t size)
{
    const struct lode_task_recall *recall = bytes;
    if (size < sizeof *recall || (size - sizeof *recall) / 8 != recall->count) {
        core_cut(core, session, LODE_EPROTO, "a RECALLED of %u bytes", size);
        return;
    }
    if ((recall->flags & LODE_RECALLED_CANNOT) != 0) {
        core_worker_replace(core, session->worker);
    }
    core_recalled(core, session->worker, (const uint64_t *)(recall + 1), recall->count);
}

static void
got_printed(struct core *core, struct core_session *session, const void *bytes, uint32_t size)
{
    const struct lode_task_printed *printed = bytes;
    if (size < sizeof *printed || size - sizeof *printed != printed->size) {
        core_cut(core, session, LODE_EPROTO, "a PRINTED of %u bytes", size);
        return;
    }
    if (++session->worker->printed > session->worker->taken) {
        core_printed(core, session->worker, printed->task, (const char *)(printed + 1),
                     printed->size);
    }
}

static void
got_cancel(struct core *core, struct core_session *session, const void *bytes, uint32_t size)
{
    const struct lode_task_cancel *cancel = bytes;
    if (size != sizeof *cancel) {
        core_cut(core, session, LODE_EPROTO, "a CANCEL of %u bytes", size);
        return;
    }
    const struct core_object *result = core_object_find(&core->objects, cancel->result);
    if (result != NULL && result->task != NULL) {
        core_task_cancel(core, result->task,
                         cancel->flags & (CORE_CANCEL_FORCE | CORE_CANCEL_RECURSIVE));
    }
}

/* What only a worker may say. */
static void
worker_record(struct core *core, struct core_session *session, const struct core_event *event)
{
    const void *bytes = event->u.record.bytes;
    uint32_t size = event->u.record.size;
    struct core_worker *worker = session->worker;
    const struct lode_task_worker *message = bytes;
    uint16_t type = event->u.record.type;
    if (type == LODE_TASK_DONE && size >= sizeof(struct lode_task_done)) {
        core_task_done(core, worker, bytes, size);
        return;
    }
    bool bare =
        type == LODE_TASK_RECALLED || type == LODE_TASK_DESCRIBED || type == LODE_TASK_PRINTED;
    if (type == LODE_TASK_DONE || (size < sizeof *message && !bare)) {
        core_cut(core, session, LODE_EPROTO, "record type %u of %u bytes", type, size);
        return;
    }
    switch (type) {
    case LODE_TASK_READY:
        core_worker_ready(core, worker);
        break;
    case LODE_TASK_RECALLED:
        got_recalled(core, session, bytes, size);
        break;
    case LODE_TASK_PRINTED:
        got_printed(core, session, bytes, size);
        break;
    case LODE_TASK_BLOCKED:
        core_worker_blocked(core, worker, message);
        break;
    case LODE_TASK_UNBLOCKED:
        core_worker_unblocked(core, worker);
        break;
    default:
        core_printed_end(core, worker, LODE_PRINTING_LIBRARY);
        core_described(core, session, bytes, size);
        break;
    }
}

static void
got_record(struct core *core, const struct core_event *event)
{
    struct core_session *session = core_session_find(core, event->u.record.session);
    if (session == NULL || session->cut || session->ended) {
        return;
    }
    const void *bytes = event->u.record.bytes;
    uint32_t size = event->u.record.size;
    switch (event->u.record.type) {
    case LODE_TASK_SUBMIT:
        core_submit(core, session, bytes, size);
        break;
    case LODE_TASK_RESOLVE:
        core_resolve(core, session, bytes, size);
        break;
    case LODE_TASK_LOAD:
        core_load_library(core, session, bytes, size);
        break;
    case LODE_TASK_CANCEL:
        got_cancel(core, session, bytes, size);
        break;
    case LODE_TASK_STATS:
        core_send_stats(core, session, bytes, size);
        break;
    case LODE_TASK_LIST:
        core_send_list(core, session, bytes, size);
        break;
    case LODE_TASK_READY:
    case LODE_TASK_DONE:
    case LODE_TASK_RECALLED:
    case LODE_TASK_BLOCKED:
    case LODE_TASK_UNBLOCKED:
    case LODE_TASK_DESCRIBED:
    case LODE_TASK_PRINTED:
        if (session->worker != NULL) {
            worker_record(core, session, event);
            break;
        }
        if (session->is_worker) {
            break; /* reaped; what its link still holds is settled through the store */
        }
        /* fall through */
    default:
        core_cut(core, session, LODE_EPROTO, "a record of type %u, which is not its to send",
                 event->u.record.type);
        break;
    }
}

/* ---- the step ------------------------------------------------------------------------------- */

static void
apply(struct core *core, const struct core_event *event)
{
    switch (event->type) {
    case CORE_SESSION_OPEN:
        core_session_open(core, event);
        break;
    case CORE_SESSION_END:
        core_session_end(core, event->u.session);
        break;
    case CORE_RECORD:
        got_record(core, event);
        break;
    case CORE_SPAWNED:
        core_worker_spawned(core, event->u.spawned.worker, event->u.spawned.pid,
                            event->u.spawned.err);
        break;
    case CORE_EXITED:
        core_worker_exited(core, event);
        break;
    case CORE_NOTIFY:
        core_notified(core, event->u.notify.cookie, event->u.notify.ready, event->u.notify.count);
        break;
    case CORE_SETTLED:
        core_answered(core, event->u.settled.cookie, event->u.settled.status,
                      event->u.settled.count);
        break;
    case CORE_ERROR_DONE:
        core_task_error_done(core, event->u.cookie);
        break;
    case CORE_LIBRARY_COPIED:
        core_library_copied(core, event);
        break;
    case CORE_OFFER_AGAIN:
        core_load_offer(core, event->u.offer.name, event->u.offer.source);
        break;
    case CORE_OUTPUT:
        core_output(core, event);
        break;
    case CORE_TIMER:
        core_timer_fired(core);
        break;
    }
}

/*
 * A walk takes longer the more tasks there are. So it comes ever more rarely, and often in tests.
 */
static bool
is_time_to_check(const struct core *core)
{
    return (core->steps & (core->steps - 1)) == 0 || core->steps % 4096 == 0;
}

void
core_step(struct core *core, const struct core_event *event)
{
    if (event->now_ns > core->now) {
        core->now = event->now_ns;
    }
    apply(core, event);
    core_dispatch(core);
    if (!TAILQ_EMPTY(&core->loads)) {
        core_describe_next(core);
    }
    core_rebalance(core);
    if (core->orphans_at != 0 && core->now >= core->orphans_at) {
        core_orphans_look(core);
    }
    core_workers_adjust(core);
    if (core->names_changed) {
        core_libraries_tidy(core);
    }
    core_timer_arm(core);
    core->steps++;
    LODE_DEBUG_ASSERT(!is_time_to_check(core) || core_check(core));
}

uint64_t
core_printed_records(struct core *core, uint32_t number)
{
    const struct core_worker *worker = core_worker_find(core, number);
    return worker != NULL ? worker->printed : 0;
}

const struct core_action *
core_next_action(struct core *core)
{
    if (core->out_read == core->out_used) {
        core->out_read = core->out_used = 0;
        if (core->out_room > OUT_KEPT) {
            free(core->out);
            core->out = NULL;
            core->out_room = 0;
        }
        return NULL;
    }
    const struct core_action *action = (const struct core_action *)(core->out + core->out_read);
    core->out_read += sizeof *action + core_align8(action->size);
    return action;
}
