/* programs.c: sessions, and the programs that submit, cancel and end. */
#include "tests/sim/state.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* ---- sessions ------------------------------------------------------------------------------- */

int
new_session(struct sim_world *w, bool is_worker, int worker)
{
    LODE_ASSERT(w->session_count < SESSIONS_MAX);
    int index = w->session_count++;
    struct sim_session *s = &w->session[index];
    *s = (struct sim_session){.number = 1000 + (uint64_t)index,
                              .store_session = (uint64_t)index + 1,
                              .is_worker = is_worker,
                              .worker = worker,
                              .open = true};
    struct sim_event *event = to_core(w, CORE_SESSION_OPEN, w->now + 1);
    s->link_time = w->now + 2;
    event->core.u.open.session = s->number;
    event->core.u.open.store_session = s->store_session;
    event->core.u.open.role = is_worker ? LODE_ROLE_WORKER : LODE_ROLE_PROGRAM;
    event->core.u.open.worker = is_worker ? w->worker[worker].number : 0;
    event->core.u.open.pid = is_worker ? 10000 + worker : 100 + index;
    return index;
}

int
session_numbered(struct sim_world *w, uint64_t number)
{
    LODE_ASSERT(number >= 1000 && number < 1000 + (uint64_t)w->session_count);
    return (int)(number - 1000);
}

void
end_session(struct sim_world *w, int session, int64_t time)
{
    struct sim_session *s = &w->session[session];
    if (s->ended) {
        return;
    }
    s->ended = true;
    w->counts->sessions_ended++;
    struct sim_event *event = to_core(w, CORE_SESSION_END, time);
    event->session = session;
    event->core.u.session = s->number;
}

/* ---- submitting ----------------------------------------------------------------------------- */

static bool
pick_arg(struct sim_world *w, int session, lode_id *id_out)
{
    int other = one_in(w, 4) ? (int)below(w, (uint64_t)w->session_count) : session;
    struct sim_session *s = &w->session[other];
    if (s->objects == 0) {
        return false;
    }
    /* Mostly something recent: chains, and things that are still to come. */
    uint64_t back = one_in(w, 3) ? below(w, s->objects) : below(w, s->objects < 3 ? s->objects : 3);
    uint64_t counter = s->objects - 1 - back;
    int task = s->object[counter].task;
    /* A child that waits for what its waiting parent is to make would wait for ever. */
    bool may_wait = w->session[session].is_worker && s->object[counter].state == OBJECT_TO_COME;
    if (s->ended || (task == NONE && other != 0) || (may_wait && task != NONE)) {
        return false;
    }
    *id_out = lode_id_make(task == NONE ? LODE_ID_PUT : LODE_ID_RESULT, s->store_session, counter);
    return true;
}

static uint32_t
put_args(struct sim_world *w, struct sim_task *task, uint8_t *bytes)
{
    uint32_t at = 0;
    for (uint32_t i = 0; i < task->arg_count; i++) {
        struct lode_task_arg arg = {.kind = LODE_ARG_REF, .size = sizeof(lode_id)};
        struct sim_object *object = object_of(w, task->arg[i]);
        bool foreign = lode_id_session(task->arg[i]) != w->session[task->session].store_session;
        if (foreign && (object->user == NONE || w->session[object->user].ended)) {
            object->user = task->session;
        }
        arg.ready = lode_id_kind(task->arg[i]) == LODE_ID_PUT && object->state == OBJECT_SEALED;
        memcpy(bytes + at, &arg, sizeof arg);
        memcpy(bytes + at + sizeof arg, &task->arg[i], sizeof task->arg[i]);
        at += sizeof arg + sizeof task->arg[i];
    }
    return at;
}

static uint32_t
pick_cpus(struct sim_world *w)
{
    static const uint32_t CPUS[] = {5000, 2500, 2500, 0, 10000, 20000, 20000, 40000};
    return one_in(w, 10) ? CPUS[below(w, sizeof CPUS / sizeof CPUS[0])] : LODE_CPU_UNIT;
}

static void
choose_args(struct sim_world *w, struct sim_task *task, lode_id chained)
{
    if (!lode_id_same(chained, (lode_id){{0}})) {
        task->arg[task->arg_count++] = chained;
        return;
    }
    uint32_t wanted = one_in(w, 2) ? (uint32_t)below(w, ARGS_MAX) : 0;
    for (uint32_t i = 0; i < wanted; i++) {
        task->arg_count += pick_arg(w, task->session, &task->arg[task->arg_count]);
    }
}

static struct sim_task *
new_task(struct sim_world *w, int session, uint64_t parent)
{
    if (w->task_count == w->task_room) {
        w->task_room = w->task_room ? 2 * w->task_room : 1024;
        w->task = realloc(w->task, (size_t)w->task_room * sizeof *w->task);
    }
    struct sim_task *task = &w->task[w->task_count];
    *task = (struct sim_task){.session = session,
                              .submission = ++w->session[session].submissions,
                              .parent = parent,
                              .running_at = NONE,
                              .max_retries = (uint32_t)below(w, 4)};
    struct sim_session *s = &w->session[session];
    if (s->submissions >= s->submission_room) {
        s->submission_room = 2 * s->submissions + 16;
        s->task_of = realloc(s->task_of, s->submission_room * sizeof *s->task_of);
    }
    s->task_of[s->submissions] = w->task_count;
    return task;
}

/* chained: its only argument; zero: whatever there is. */
lode_id
submit(struct sim_world *w, int session, uint64_t parent, lode_id chained, bool plain)
{
    struct sim_task *task = new_task(w, session, parent);
    choose_args(w, task, chained);
    uint32_t function = (uint32_t)below(w, w->options.trees ? TREE_FUNCTIONS : FUNCTIONS);
    task->depth = parent != 0 ? task_numbered(w, parent)->depth + 1 : 0;
    task->program = parent != 0 ? task_numbered(w, parent)->program : session;
    task->result_count = plain ? 1 : function + 1;
    function = plain ? 0 : function;
    task->results = new_objects(w, session, LODE_ID_RESULT, task->result_count, w->task_count);
    task->flags = one_in(w, 10) ? LODE_SUBMIT_UNATTENDED : 0;
    task->timeout_ms = one_in(w, 20) ? 1 + (uint32_t)below(w, 200) : 0;
    task->loops = task->timeout_ms > 0 && one_in(w, 4);
    struct lode_task_submit head = {.submission = task->submission,
                                    .parent = parent,
                                    .results = task->results,
                                    .function = one_in(w, 1000) ? 77 : function + 1,
                                    .result_count = task->result_count,
                                    .cpus = plain ? LODE_CPU_UNIT : pick_cpus(w),
                                    .max_retries = task->max_retries,
                                    .flags = task->flags,
                                    .arg_count = (uint16_t)task->arg_count,
                                    .timeout_ms = task->timeout_ms,
                                    .name_size = one_in(w, 9) ? 5 : 0};
    uint8_t bytes[sizeof head + 8 + ARGS_MAX * 24] = {0};
    memcpy(bytes, &head, sizeof head);
    uint32_t at = sizeof head;
    if (head.name_size > 0) {
        memcpy(bytes + at, "named", 5);
        at += 8;
    }
    at += put_args(w, task, bytes + at);
    lode_id results = task->results;
    w->task_count++;
    w->counts->submitted++;
    record_to_core(w, session, LODE_TASK_SUBMIT, bytes, at);
    if (one_in(w, 20)) {
        record_to_core(w, session, LODE_TASK_SUBMIT, bytes, at); /* handed in again */
        w->counts->repeated++;
    }
    return results;
}

/* ---- programs ------------------------------------------------------------------------------- */

static void
cancel_something(struct sim_world *w, int session)
{
    struct sim_session *s = &w->session[session];
    if (s->objects == 0) {
        return;
    }
    uint64_t counter = s->objects - 1 - below(w, s->objects < 20 ? s->objects : 20);
    struct lode_task_cancel cancel = {.result =
                                          lode_id_make(LODE_ID_RESULT, s->store_session, counter)};
    cancel.flags = (uint32_t)below(w, 4); /* by force, with what it has submitted, or both */
    record_to_core(w, session, LODE_TASK_CANCEL, &cancel, sizeof cancel);
    w->counts->cancelled++;
}

static void
make_foreign_object(struct sim_world *w)
{
    lode_id id = new_objects(w, 0, LODE_ID_PUT, 1, NONE);
    struct sim_event *event = schedule(w, EV_SEAL, w->now + delay(w));
    event->id = id;
}

void
act(struct sim_world *w, int session)
{
    struct sim_session *s = &w->session[session];
    if (s->ended || w->closing) {
        return;
    }
    uint64_t what = below(w, 400);
    if (what == 0) {
        lode_id last = {{0}};
        for (int i = 0; i < 1000; i++) {
            last = submit(w, session, 0, last, true);
        }
    } else if (what < 3 && w->session_count < SESSIONS_MAX - 1000) {
        end_session(w, session, s->link_time + delay(w));
        int next = new_session(w, false, NONE);
        schedule(w, EV_PROGRAM, w->now + delay(w))->session = next;
        return;
    } else if (what < 20) {
        cancel_something(w, session);
    } else if (what < 60) {
        make_foreign_object(w);
    } else if (what == 60 && one_in(w, 4)) {
        w->start_failing = (int)below(w, 8);
    } else {
        uint64_t burst = one_in(w, 10) ? below(w, 60) : 1 + below(w, 3);
        for (uint64_t i = 0; i < burst; i++) {
            submit(w, session, 0, (lode_id){{0}}, false);
        }
    }
    schedule(w, EV_PROGRAM, w->now + (int64_t)below(w, 400000))->session = session;
}

void
submit_all(struct sim_world *w, int session)
{
    for (int i = 0; i < (w->options.trees ? TREES : LADDER); i++) {
        submit(w, session, 0, (lode_id){{0}}, false);
    }
}

void
seal_foreign(struct sim_world *w, lode_id id)
{
    decide(w, id, one_in(w, 50) ? OBJECT_GONE : one_in(w, 50) ? OBJECT_ERROR : OBJECT_SEALED);
}
