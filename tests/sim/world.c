/* world.c: see world.h. */
#include "tests/sim/world.h"

#include "api/base/assert.h"
#include "api/layout/id.h"
#include "api/wire/rendezvous_msg.h"

#include <lode/task.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { SESSIONS_MAX = 4096, PROGRAMS = 3, ARGS_MAX = 4, RESULTS_MAX = 3, FUNCTIONS = 3, NONE = -1 };

enum object_state { OBJECT_TO_COME, OBJECT_SEALED, OBJECT_ERROR, OBJECT_GONE };

struct sim_task {
    int session;
    uint64_t submission, parent, number;
    lode_id results;
    uint32_t result_count, arg_count, max_retries, executions, flags;
    uint32_t lost_answers; /* by a worker that died: the core may take it for begun */
    lode_id arg[ARGS_MAX];
    bool arrived; /* at the core */
    bool ended, sealed, failed;
    int running_at; /* worker */
};

struct sim_object {
    enum object_state state;
    bool asked; /* the scheduler has named it in RESULTS */
    int user;   /* a session other than its maker's whose task wants it; NONE */
    int task;   /* NONE: made by nobody that the scheduler knows */
};

struct sim_session {
    uint64_t number, store_session;
    bool open, ended, is_worker;
    int worker;
    uint64_t submissions, submission_room;
    int *task_of;              /* by submission */
    struct sim_object *object; /* by counter */
    uint64_t objects, room;
    int64_t link_time; /* of the last record on its way to the core */
};

struct sim_worker {
    uint32_t number;
    bool alive, up, reaped, lose;
    int session;
    int64_t in_time;
    uint64_t *queue; /* task numbers */
    uint32_t count, room;
    int64_t running; /* index of the task; NONE */
    uint64_t running_number;
    bool blocked;
    lode_id awaits;
    uint64_t epoch;
    struct lode_worker_page page;
};

struct sim_watch {
    uint64_t cookie;
    lode_id id;
};

enum event_kind { EV_CORE, EV_TO_WORKER, EV_FINISH, EV_PROGRAM, EV_SEAL, EV_START, EV_DIE };

struct sim_event {
    int64_t time;
    uint64_t order;
    enum event_kind kind;
    int worker, session;
    uint64_t epoch;
    struct core_event core;
    lode_id id;
    uint16_t type;
    uint32_t size;
    uint8_t *bytes;
};

struct sim_world {
    struct sim_options options;
    struct sim_counts *counts;
    struct core *core;
    uint64_t random;
    int64_t now;
    uint64_t order, steps;
    bool closing;
    struct sim_event **heap;
    size_t heap_count, heap_room;
    struct sim_session session[SESSIONS_MAX];
    int session_count;
    struct sim_task *task;
    int task_count, task_room;
    struct sim_worker *worker;
    int worker_count, worker_room;
    struct sim_watch *watch;
    size_t watch_count, watch_room;
    uint64_t pending_timer; /* order of the only timer event that counts */
    int *slot_task;         /* by the slot in a task's number */
    uint64_t slot_room;
    int start_failing; /* so many starts fail from now on */
};

/* ---- chance, time --------------------------------------------------------------------------- */

static uint64_t
chance(struct sim_world *w)
{
    uint64_t z = (w->random += UINT64_C(0x9e3779b97f4a7c15));
    z = (z ^ (z >> 30)) * UINT64_C(0xbf58476d1ce4e5b9);
    z = (z ^ (z >> 27)) * UINT64_C(0x94d049bb133111eb);
    return z ^ (z >> 31);
}

static uint64_t
below(struct sim_world *w, uint64_t limit)
{
    return chance(w) % limit;
}

static bool
one_in(struct sim_world *w, uint64_t n)
{
    return below(w, n) == 0;
}

/* Mostly microseconds; now and then a pipe is lost, and all comes later, at once. */
static int64_t
delay(struct sim_world *w)
{
    return one_in(w, 200) ? (int64_t)below(w, 20000000) : 1000 + (int64_t)below(w, 60000);
}

static bool
before(const struct sim_event *a, const struct sim_event *b)
{
    return a->time < b->time || (a->time == b->time && a->order < b->order);
}

static struct sim_event *
schedule(struct sim_world *w, enum event_kind kind, int64_t time)
{
    if (w->heap_count == w->heap_room) {
        w->heap_room = w->heap_room ? 2 * w->heap_room : 1024;
        w->heap = realloc(w->heap, w->heap_room * sizeof *w->heap);
    }
    struct sim_event *event = calloc(1, sizeof *event);
    event->time = time;
    event->order = ++w->order;
    event->kind = kind;
    event->worker = event->session = NONE;
    size_t i = w->heap_count++;
    for (; i > 0 && before(event, w->heap[(i - 1) / 2]); i = (i - 1) / 2) {
        w->heap[i] = w->heap[(i - 1) / 2];
    }
    w->heap[i] = event;
    return event;
}

static struct sim_event *
next_event(struct sim_world *w)
{
    if (w->heap_count == 0) {
        return NULL;
    }
    struct sim_event *first = w->heap[0], *last = w->heap[--w->heap_count];
    size_t i = 0;
    for (;;) {
        size_t child = 2 * i + 1;
        if (child >= w->heap_count) {
            break;
        }
        child += child + 1 < w->heap_count && before(w->heap[child + 1], w->heap[child]);
        if (!before(w->heap[child], last)) {
            break;
        }
        w->heap[i] = w->heap[child];
        i = child;
    }
    if (w->heap_count > 0) {
        w->heap[i] = last;
    }
    return first;
}

/* ---- the core and its links ----------------------------------------------------------------- */

static struct sim_event *
to_core(struct sim_world *w, enum core_event_type type, int64_t time)
{
    struct sim_event *event = schedule(w, EV_CORE, time);
    event->core.type = type;
    return event;
}

/* A record of a session: in order, however long it takes. */
static struct sim_event *
record_to_core(struct sim_world *w, int session, uint16_t type, const void *bytes, uint32_t size)
{
    struct sim_session *s = &w->session[session];
    int64_t time = w->now + delay(w);
    s->link_time = time > s->link_time ? time : s->link_time + 1;
    struct sim_event *event = to_core(w, CORE_RECORD, s->link_time);
    event->session = session;
    event->worker = s->worker;
    event->bytes = malloc(size ? size : 1);
    memcpy(event->bytes, bytes, size);
    event->core.u.record.session = s->number;
    event->core.u.record.type = type;
    event->core.u.record.bytes = event->bytes;
    event->core.u.record.size = size;
    return event;
}

/* ---- objects -------------------------------------------------------------------------------- */

static int
session_of_store(struct sim_world *w, uint64_t store_session)
{
    LODE_ASSERT(store_session >= 1 && store_session <= (uint64_t)w->session_count);
    return (int)store_session - 1;
}

static struct sim_object *
object_of(struct sim_world *w, lode_id id)
{
    struct sim_session *s = &w->session[session_of_store(w, lode_id_session(id))];
    LODE_ASSERT(lode_id_low(id) < s->objects);
    return &s->object[lode_id_low(id)];
}

static lode_id
new_objects(struct sim_world *w, int session, enum lode_id_kind kind, uint32_t count, int task)
{
    struct sim_session *s = &w->session[session];
    while (s->objects + count > s->room) {
        s->room = s->room ? 2 * s->room : 64;
        s->object = realloc(s->object, s->room * sizeof *s->object);
    }
    lode_id id = lode_id_make(kind, s->store_session, s->objects);
    for (uint32_t i = 0; i < count; i++) {
        s->object[s->objects++] = (struct sim_object){.task = task, .user = NONE};
    }
    return id;
}

static uint32_t
found(const struct sim_object *object)
{
    return object->state == OBJECT_TO_COME ? LODE_FOUND_PENDING
           : object->state == OBJECT_GONE  ? LODE_FOUND_GONE
                                           : LODE_FOUND_SEALED;
}

static void
notify(struct sim_world *w, uint64_t cookie, lode_id id)
{
    struct sim_object *object = object_of(w, id);
    struct sim_event *event = to_core(w, CORE_NOTIFY, w->now + delay(w));
    struct lode_msg_ready ready = {
        .id = id, .status = found(object), .is_error = object->state == OBJECT_ERROR};
    event->bytes = malloc(sizeof ready);
    memcpy(event->bytes, &ready, sizeof ready);
    event->core.u.notify.cookie = cookie;
    event->core.u.notify.ready = (const void *)event->bytes;
    event->core.u.notify.count = 1;
    w->counts->notified++;
}

static void unblock_waiters(struct sim_world *w, lode_id id);

/* An object comes to its end state: who watches or waits is told. */
static void
decide(struct sim_world *w, lode_id id, enum object_state state)
{
    struct sim_object *object = object_of(w, id);
    LODE_ASSERT(object->state == OBJECT_TO_COME); /* first wins, and there is no second */
    object->state = state;
    for (size_t i = 0; i < w->watch_count;) {
        if (lode_id_same(w->watch[i].id, id)) {
            notify(w, w->watch[i].cookie, id);
            w->watch[i] = w->watch[--w->watch_count];
        } else {
            i++;
        }
    }
    unblock_waiters(w, id);
}

static bool
all_forgotten(struct sim_world *w, const struct sim_task *task)
{
    for (uint32_t i = 0; i < task->result_count; i++) {
        if (object_of(w, lode_id_plus(task->results, i))->state != OBJECT_GONE) {
            return false;
        }
    }
    return true;
}

static void
seal_results(struct sim_world *w, struct sim_task *task, bool error)
{
    /* Sealed once; but a result that nobody wanted is forgotten, and its task may run again. */
    LODE_ASSERT(!task->sealed || all_forgotten(w, task));
    task->sealed = true;
    task->failed = error;
    for (uint32_t i = 0; i < task->result_count; i++) {
        lode_id id = lode_id_plus(task->results, i);
        if (object_of(w, id)->state != OBJECT_GONE) { /* else nobody asks for it any more */
            decide(w, id, error ? OBJECT_ERROR : OBJECT_SEALED);
        }
    }
}

/* ---- sessions ------------------------------------------------------------------------------- */

static int
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
    event->core.u.open.pid = 100 + index;
    return index;
}

static int
session_numbered(struct sim_world *w, uint64_t number)
{
    LODE_ASSERT(number >= 1000 && number < 1000 + (uint64_t)w->session_count);
    return (int)(number - 1000);
}

static void
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
static lode_id
submit(struct sim_world *w, int session, uint64_t parent, lode_id chained, bool plain)
{
    struct sim_task *task = new_task(w, session, parent);
    choose_args(w, task, chained);
    uint32_t function = (uint32_t)below(w, FUNCTIONS);
    task->result_count = plain ? 1 : function + 1;
    function = plain ? 0 : function;
    task->results = new_objects(w, session, LODE_ID_RESULT, task->result_count, w->task_count);
    task->flags = one_in(w, 10) ? LODE_SUBMIT_UNATTENDED : 0;
    struct lode_task_submit head = {.submission = task->submission,
                                    .parent = parent,
                                    .results = task->results,
                                    .function = one_in(w, 1000) ? 77 : function + 1,
                                    .result_count = task->result_count,
                                    .cpus = plain ? LODE_CPU_UNIT : pick_cpus(w),
                                    .max_retries = task->max_retries,
                                    .flags = task->flags,
                                    .arg_count = (uint16_t)task->arg_count,
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

/* ---- workers -------------------------------------------------------------------------------- */

static int
worker_numbered(struct sim_world *w, uint64_t number)
{
    LODE_ASSERT(number >= 1 && number <= (uint64_t)w->worker_count);
    return (int)number - 1;
}

static struct sim_task *
task_of_run(struct sim_world *w, const struct lode_task_run *run)
{
    struct sim_object *object = object_of(w, run->results);
    LODE_ASSERT(object->task != NONE);
    return &w->task[object->task];
}

/* The core's numbers have their slot in the low 24 bits, and slots are used again. */
static struct sim_task *
task_numbered(struct sim_world *w, uint64_t number)
{
    uint64_t slot = number & 0xffffff;
    LODE_ASSERT(slot < w->slot_room && w->task[w->slot_task[slot]].number == number);
    return &w->task[w->slot_task[slot]];
}

static void
note_number(struct sim_world *w, struct sim_task *task, uint64_t number)
{
    uint64_t slot = number & 0xffffff;
    LODE_ASSERT(task->number == 0 || task->number == number); /* the same for each attempt */
    task->number = number;
    if (slot >= w->slot_room) {
        w->slot_room = 2 * slot + 64;
        w->slot_task = realloc(w->slot_task, w->slot_room * sizeof *w->slot_task);
    }
    w->slot_task[slot] = (int)(task - w->task);
}

/* What a dead worker said last may be lost, or come too late: the core takes these for begun. */
static void
note_lost(struct sim_world *w, const struct sim_event *event)
{
    if (event->core.u.record.type == LODE_TASK_DONE) {
        const struct lode_task_done *done = (const void *)event->bytes;
        task_numbered(w, done->task)->lost_answers++;
    } else if (event->core.u.record.type == LODE_TASK_RECALLED) {
        const struct lode_task_recall *recall = (const void *)event->bytes;
        for (uint32_t i = 0; i < recall->count; i++) {
            task_numbered(w, ((const uint64_t *)(recall + 1))[i])->lost_answers++;
        }
    }
}

static void
note_all_lost(struct sim_world *w, int index)
{
    for (size_t i = 0; i < w->heap_count; i++) {
        const struct sim_event *event = w->heap[i];
        if (event->kind == EV_CORE && event->core.type == CORE_RECORD && event->worker == index) {
            note_lost(w, event);
        }
    }
}

static void
die(struct sim_world *w, int index, int32_t status)
{
    struct sim_worker *worker = &w->worker[index];
    if (!worker->alive) {
        return;
    }
    worker->alive = false;
    worker->lose = one_in(w, 2);
    worker->epoch++;
    if (worker->running != NONE) {
        w->task[worker->running].running_at = NONE;
        worker->running = NONE;
    }
    worker->count = 0;
    note_all_lost(w, index);
    int64_t reaped = w->now + delay(w), end = w->now + delay(w);
    struct sim_event *event = to_core(w, CORE_EXITED, reaped);
    event->worker = index;
    event->core.u.exited.worker = worker->number;
    event->core.u.exited.status = status;
    if (worker->session != NONE) {
        end_session(w, worker->session, end);
    }
}

static void
send_done(struct sim_world *w, struct sim_worker *worker, uint64_t number, uint32_t status,
          uint64_t run_ns)
{
    struct lode_task_done done = {
        .task = number, .run_ns = run_ns, .status = status, .err = LODE_ETASK};
    record_to_core(w, worker->session, LODE_TASK_DONE, &done, sizeof done);
    if (status != LODE_DONE_MISSING && one_in(w, 50)) {
        record_to_core(w, worker->session, LODE_TASK_DONE, &done, sizeof done);
    }
}

static bool
args_there(struct sim_world *w, const struct sim_task *task, bool *error_out)
{
    *error_out = false;
    for (uint32_t i = 0; i < task->arg_count; i++) {
        struct sim_object *object = object_of(w, task->arg[i]);
        if (object->state == OBJECT_TO_COME || object->state == OBJECT_GONE) {
            return false;
        }
        *error_out = *error_out || object->state == OBJECT_ERROR;
    }
    return !one_in(w, 100); /* freed, or not seen yet */
}

static void
start(struct sim_world *w, int index, uint64_t number, struct sim_task *task)
{
    struct sim_worker *worker = &w->worker[index];
    LODE_ASSERT(task->running_at == NONE); /* at one worker at a time */
    LODE_ASSERT(!task->ended);
    LODE_ASSERT(!task->sealed || all_forgotten(w, task));
    LODE_ASSERT(++task->executions <= 1 + task->max_retries);
    task->running_at = index;
    worker->running = task - w->task;
    worker->running_number = number;
    atomic_store(&worker->page.started, number);
    w->counts->ran++;
    int64_t lasts = one_in(w, 30) ? (int64_t)below(w, 30000000) : (int64_t)below(w, 20000);
    struct sim_event *event = schedule(w, EV_FINISH, w->now + lasts);
    event->worker = index;
    event->epoch = ++worker->epoch;
    if (one_in(w, 60)) {
        event->kind = EV_DIE;
    }
}

/* Starts what is next; what cannot run is handed back. */
static void
work(struct sim_world *w, int index)
{
    for (;;) {
        struct sim_worker *worker = &w->worker[index];
        if (!worker->alive || worker->running != NONE || worker->count == 0) {
            return;
        }
        uint64_t number = worker->queue[0];
        memmove(worker->queue, worker->queue + 1, --worker->count * sizeof number);
        struct sim_task *task = task_numbered(w, number);
        bool error;
        if (!args_there(w, task, &error)) {
            w->counts->missing++;
            send_done(w, worker, number, LODE_DONE_MISSING, 0);
        } else if (error) {
            seal_results(w, task, true);
            send_done(w, worker, number, LODE_DONE_FAILED, 0);
        } else {
            start(w, index, number, task);
        }
    }
}

/* The running task calls another one and waits for it. */
static void
call_and_block(struct sim_world *w, int index)
{
    struct sim_worker *worker = &w->worker[index];
    uint64_t number = worker->running_number;
    worker->awaits = submit(w, worker->session, number, (lode_id){{0}}, true);
    worker = &w->worker[index];
    worker->blocked = true;
    struct lode_task_worker message = {.task = number};
    record_to_core(w, worker->session, LODE_TASK_BLOCKED, &message, sizeof message);
    w->counts->blocked++;
}

static void
finish(struct sim_world *w, int index)
{
    struct sim_worker *worker = &w->worker[index];
    if (!w->closing && !worker->blocked && one_in(w, 25)) {
        call_and_block(w, index);
        return;
    }
    struct sim_task *task = &w->task[worker->running];
    bool error = one_in(w, 200);
    uint64_t number = worker->running_number;
    task->running_at = NONE;
    worker->running = NONE;
    seal_results(w, task, error);
    atomic_store(&worker->page.finished, number);
    if (one_in(w, 150)) {
        w->counts->crashed++;
        die(w, index, SIGSEGV); /* after the commit, before its DONE is out */
        return;
    }
    send_done(w, &w->worker[index], number, error ? LODE_DONE_FAILED : LODE_DONE_OK,
              below(w, 20000));
    if (one_in(w, 150)) {
        w->counts->crashed++;
        die(w, index, SIGKILL);
        return;
    }
    work(w, index);
}

static void
unblock_waiters(struct sim_world *w, lode_id id)
{
    for (int i = 0; i < w->worker_count; i++) {
        struct sim_worker *worker = &w->worker[i];
        if (!worker->alive || !worker->blocked || !lode_id_same(worker->awaits, id)) {
            continue;
        }
        worker->blocked = false;
        struct lode_task_worker message = {.task = worker->running_number};
        record_to_core(w, worker->session, LODE_TASK_UNBLOCKED, &message, sizeof message);
        struct sim_event *event = schedule(w, EV_FINISH, w->now + (int64_t)below(w, 20000));
        event->worker = i;
        event->epoch = ++worker->epoch;
    }
}

static void
send_recalled(struct sim_world *w, struct sim_worker *worker, const uint64_t *task, uint32_t count)
{
    uint8_t *bytes = malloc(sizeof(struct lode_task_recall) + count * sizeof *task);
    struct lode_task_recall head = {.count = count};
    memcpy(bytes, &head, sizeof head);
    if (count > 0) {
        memcpy(bytes + sizeof head, task, count * sizeof *task);
    }
    record_to_core(w, worker->session, LODE_TASK_RECALLED, bytes,
                   (uint32_t)(sizeof head + count * sizeof *task));
    free(bytes);
}

static void
got_recall(struct sim_world *w, struct sim_worker *worker, const struct lode_task_recall *recall)
{
    const uint64_t *wanted = (const uint64_t *)(recall + 1);
    uint64_t *back = malloc((worker->count + 1) * sizeof *back);
    uint32_t backs = 0, kept = 0;
    for (uint32_t i = 0; i < worker->count; i++) {
        bool asked = recall->count == 0;
        for (uint32_t j = 0; j < recall->count; j++) {
            asked = asked || wanted[j] == worker->queue[i];
        }
        if (asked) {
            back[backs++] = worker->queue[i];
        } else {
            worker->queue[kept++] = worker->queue[i];
        }
    }
    worker->count = kept;
    w->counts->recalled += backs;
    send_recalled(w, worker, back, backs);
    free(back);
}

static void
got_run(struct sim_world *w, int index, const struct lode_task_run *run)
{
    struct sim_worker *worker = &w->worker[index];
    struct sim_task *task = task_of_run(w, run);
    LODE_ASSERT(lode_id_same(task->results, run->results) && !task->ended);
    LODE_ASSERT(run->attempt >= 1 && run->attempt <= task->max_retries + 1);
    LODE_ASSERT(run->attempt > task->executions); /* charged for each one that began … */
    LODE_ASSERT(run->attempt <= task->executions + task->lost_answers + 1); /* … and no other */
    note_number(w, task, run->task);
    if (worker->blocked) {
        w->counts->bounced++;
        send_recalled(w, worker, &run->task, 1);
        return;
    }
    if (worker->count == worker->room) {
        worker->room = worker->room ? 2 * worker->room : 16;
        worker->queue = realloc(worker->queue, worker->room * sizeof *worker->queue);
    }
    worker->queue[worker->count++] = run->task;
    work(w, index);
}

static void
got_describe(struct sim_world *w, struct sim_worker *worker, const struct lode_task_load *load)
{
    char bytes[256];
    struct lode_task_loaded head = {.tag = load->tag};
    uint32_t at = sizeof head;
    memcpy(bytes, &head, sizeof head);
    memcpy(bytes + at, "lib", 4);
    at += 4;
    for (uint32_t i = 0; i < FUNCTIONS; i++) {
        char name[3] = {'f', (char)('0' + i), '\0'};
        uint32_t results = i + 1;
        memcpy(bytes + at, name, 3);
        memcpy(bytes + at + 3, "()", 3);
        memcpy(bytes + at + 6, &results, sizeof results);
        at += 6 + sizeof results;
    }
    record_to_core(w, worker->session, LODE_TASK_DESCRIBED, bytes, at);
}

static void
got_stop(struct sim_world *w, int index, uint64_t number)
{
    struct sim_worker *worker = &w->worker[index];
    if (worker->running == NONE || worker->running_number != number || one_in(w, 2)) {
        return; /* not every function looks */
    }
    struct sim_task *task = &w->task[worker->running];
    task->running_at = NONE;
    worker->running = NONE;
    worker->blocked = false;
    worker->epoch++;
    seal_results(w, task, true);
    atomic_store(&worker->page.finished, number);
    send_done(w, worker, number, LODE_DONE_FAILED, 1000);
    work(w, index);
}

static void
to_worker(struct sim_world *w, const struct sim_event *event)
{
    struct sim_worker *worker = &w->worker[event->worker];
    if (!worker->alive) {
        return;
    }
    const void *bytes = event->bytes;
    switch (event->type) {
    case LODE_TASK_RUN:
        got_run(w, event->worker, bytes);
        break;
    case LODE_TASK_RECALL:
        got_recall(w, worker, bytes);
        break;
    case LODE_TASK_STOP_TASK:
        got_stop(w, event->worker, ((const struct lode_task_cancel *)bytes)->task);
        break;
    case LODE_TASK_DESCRIBE:
        got_describe(w, worker, bytes);
        break;
    case LODE_TASK_QUIT:
        LODE_ASSERT(worker->count == 0 && worker->running == NONE);
        die(w, event->worker, 0);
        break;
    default:
        break;
    }
}

static void
start_worker(struct sim_world *w, int index)
{
    struct sim_worker *worker = &w->worker[index];
    if (!worker->alive) {
        return;
    }
    if (w->start_failing > 0 || one_in(w, 25)) {
        w->start_failing -= w->start_failing > 0;
        w->counts->start_failures++;
        die(w, index, 1 << 8);
        return;
    }
    worker->session = new_session(w, true, index);
    struct lode_task_worker ready = {.store_session = w->session[worker->session].store_session};
    record_to_core(w, worker->session, LODE_TASK_READY, &ready, sizeof ready);
}

static void
spawn(struct sim_world *w, uint64_t number)
{
    LODE_ASSERT(number == (uint64_t)w->worker_count + 1);
    if (w->worker_count == w->worker_room) {
        w->worker_room = w->worker_room ? 2 * w->worker_room : 64;
        w->worker = realloc(w->worker, (size_t)w->worker_room * sizeof *w->worker);
    }
    int index = w->worker_count++;
    w->worker[index] = (struct sim_worker){
        .number = (uint32_t)number, .alive = true, .session = NONE, .running = NONE};
    bool fails = one_in(w, 60);
    int64_t time = w->now + delay(w);
    struct sim_event *event = to_core(w, CORE_SPAWNED, time);
    event->core.u.spawned.worker = (uint32_t)number;
    event->core.u.spawned.err = fails ? LODE_ESYS : LODE_OK;
    event->core.u.spawned.pid = 10000 + index;
    if (fails) {
        w->worker[index].alive = false;
        return;
    }
    schedule(w, EV_START, time + delay(w))->worker = index;
}

/* ---- actions -------------------------------------------------------------------------------- */

static void
got_ended(struct sim_world *w, int session, const struct lode_task_ended *ended)
{
    const uint64_t *submission = (const uint64_t *)(ended + 1);
    for (uint32_t i = 0; i < ended->count; i++) {
        LODE_ASSERT(submission[i] >= 1 && submission[i] <= w->session[session].submissions);
        int at = w->session[session].task_of[submission[i]];
        LODE_ASSERT(!w->task[at].ended); /* once */
        LODE_ASSERT(w->task[at].sealed && w->task[at].running_at == NONE);
        w->task[at].ended = true;
    }
}

static void
do_send(struct sim_world *w, const struct core_action *a)
{
    int session = session_numbered(w, a->target);
    struct sim_session *s = &w->session[session];
    LODE_ASSERT(a->message != LODE_TASK_ENDED || a->size >= sizeof(struct lode_task_ended) + 8);
    if (a->message == LODE_TASK_ENDED) {
        got_ended(w, session, core_action_bytes(a));
        return;
    }
    if (!s->is_worker) {
        return;
    }
    struct sim_worker *worker = &w->worker[s->worker];
    int64_t time = w->now + delay(w);
    worker->in_time = time > worker->in_time ? time : worker->in_time + 1;
    struct sim_event *event = schedule(w, EV_TO_WORKER, worker->in_time);
    event->worker = s->worker;
    event->type = a->message;
    event->size = a->size;
    event->bytes = malloc(a->size ? a->size : 1);
    memcpy(event->bytes, core_action_bytes(a), a->size);
}

static void
do_watch(struct sim_world *w, const struct core_action *a)
{
    const lode_id *ids = core_action_bytes(a);
    for (uint32_t i = 0; i < a->size / sizeof *ids; i++) {
        if (object_of(w, ids[i])->state != OBJECT_TO_COME) {
            notify(w, a->cookie, ids[i]);
            continue;
        }
        if (w->watch_count == w->watch_room) {
            w->watch_room = w->watch_room ? 2 * w->watch_room : 64;
            w->watch = realloc(w->watch, w->watch_room * sizeof *w->watch);
        }
        w->watch[w->watch_count++] = (struct sim_watch){a->cookie, ids[i]};
    }
}

static void
do_unwatch(struct sim_world *w, uint64_t cookie)
{
    for (size_t i = 0; i < w->watch_count;) {
        if (w->watch[i].cookie == cookie) {
            w->watch[i] = w->watch[--w->watch_count];
        } else {
            i++;
        }
    }
}

/* True if somebody else needs this result of an ended session. */
static bool
is_wanted(struct sim_world *w, lode_id id)
{
    int user = object_of(w, id)->user;
    return (user != NONE && !w->session[user].ended) ||
           (lode_id_low(id) * 2654435761u >> 8) % 5 == 0;
}

/* What an ended session was to make and nobody has named, or nobody wants, will not come. */
static void
bury_results(struct sim_world *w, int session)
{
    struct sim_session *s = &w->session[session];
    for (uint64_t i = 0; i < s->objects; i++) {
        if (s->object[i].task != NONE && s->object[i].state == OBJECT_TO_COME &&
            !s->object[i].asked) {
            decide(w, lode_id_make(LODE_ID_RESULT, s->store_session, i), OBJECT_GONE);
        }
    }
}

static uint8_t
promise(struct sim_world *w, lode_id id)
{
    struct sim_object *object = object_of(w, id);
    uint32_t status = found(object);
    if (status == LODE_FOUND_PENDING && !is_wanted(w, id)) {
        return LODE_FOUND_GONE;
    }
    object->asked = true;
    return (uint8_t)status;
}

static void
do_settle(struct sim_world *w, const struct core_action *a)
{
    const lode_id *ids = core_action_bytes(a);
    uint32_t count = a->size / (uint32_t)sizeof *ids;
    bool results = a->type == CORE_RESULTS;
    LODE_ASSERT((results || count >= 1) && count <= CORE_STORE_IDS);
    struct sim_event *event = to_core(w, CORE_SETTLED, w->now + delay(w));
    event->bytes = malloc(count + 1);
    int session = session_of_store(w, a->target);
    for (uint32_t i = 0; i < count; i++) {
        event->bytes[i] = results ? promise(w, ids[i]) : (uint8_t)found(object_of(w, ids[i]));
    }
    event->core.u.settled.cookie = a->cookie;
    event->core.u.settled.status = event->bytes;
    event->core.u.settled.count = count;
    w->counts->settled++;
    if (results && count < CORE_STORE_IDS) {
        bury_results(w, session);
    }
}

static void
do_put_error(struct sim_world *w, const struct core_action *a)
{
    const struct core_put_error *put = core_action_bytes(a);
    const struct lode_error_object *error = (const void *)(put + 1);
    struct sim_object *object = object_of(w, put->results);
    struct sim_task *task = &w->task[object->task];
    LODE_ASSERT(error->magic == LODE_ERROR_MAGIC && put->error_size > sizeof *error);
    LODE_ASSERT(task->running_at == NONE);
    LODE_ASSERT((uint32_t)error->attempt >= task->executions); /* each that began is charged */
    if (!lode_id_same(put->copy_from, (lode_id){{0}})) {
        enum object_state cause = object_of(w, put->copy_from)->state;
        LODE_ASSERT(cause == OBJECT_ERROR || cause == OBJECT_GONE);
    }
    w->counts->errors++;
    seal_results(w, task, true);
    to_core(w, CORE_ERROR_DONE, w->now + delay(w))->core.u.cookie = a->cookie;
}

static void
do_copy(struct sim_world *w, const struct core_action *a)
{
    struct sim_event *event = to_core(w, CORE_LIBRARY_COPIED, w->now + delay(w));
    event->core.u.copied.cookie = a->cookie;
    event->core.u.copied.path = "/state/lib/1.so";
}

static void
carry_out(struct sim_world *w, const struct core_action *a)
{
    switch (a->type) {
    case CORE_SEND:
        do_send(w, a);
        break;
    case CORE_CUT:
        fprintf(stderr, "sim: cut: %s\n", (const char *)core_action_bytes(a));
        LODE_ASSERT(!"no session here breaks a rule");
        break;
    case CORE_SPAWN:
        spawn(w, a->target);
        break;
    case CORE_KILL:
        die(w, worker_numbered(w, a->target), (int32_t)a->value);
        break;
    case CORE_WATCH:
        do_watch(w, a);
        break;
    case CORE_UNWATCH:
        do_unwatch(w, a->cookie);
        break;
    case CORE_SETTLE:
    case CORE_RESULTS:
        do_settle(w, a);
        break;
    case CORE_PUT_ERROR:
        do_put_error(w, a);
        break;
    case CORE_REPORT:
        to_core(w, CORE_ERROR_DONE, w->now + delay(w))->core.u.cookie = a->cookie;
        break;
    case CORE_COPY_LIBRARY:
        do_copy(w, a);
        break;
    case CORE_ARM_TIMER:
        w->pending_timer = to_core(w, CORE_TIMER, a->value > w->now ? a->value : w->now)->order;
        break;
    default:
        if (w->options.verbose) {
            const char *id = core_action_bytes(a);
            fprintf(stderr, "%12lld %s %s\n", (long long)w->now, id, id + strlen(id) + 1);
        }
        break;
    }
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

static void
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

static void
seal_foreign(struct sim_world *w, lode_id id)
{
    decide(w, id, one_in(w, 50) ? OBJECT_GONE : one_in(w, 50) ? OBJECT_ERROR : OBJECT_SEALED);
}

/* ---- running -------------------------------------------------------------------------------- */

static void
mark_arrival(struct sim_world *w, const struct sim_event *event)
{
    const struct lode_task_submit *submit_record = (const void *)event->bytes;
    struct sim_object *object = object_of(w, submit_record->results);
    w->task[object->task].arrived = true;
}

/* False: it never gets there. */
static bool
prepare_core_event(struct sim_world *w, struct sim_event *event)
{
    if (event->core.type == CORE_TIMER && event->order != w->pending_timer) {
        return false;
    }
    if (event->core.type == CORE_EXITED) {
        struct sim_worker *worker = &w->worker[event->worker];
        worker->reaped = true;
        event->bytes = malloc(sizeof worker->page);
        memcpy(event->bytes, &worker->page, sizeof worker->page);
        event->core.u.exited.page = (const void *)event->bytes;
    }
    if (event->core.type != CORE_RECORD) {
        return true;
    }
    if (event->worker != NONE && !w->worker[event->worker].alive) {
        if (w->worker[event->worker].lose) {
            return false;
        }
        w->counts->late += w->worker[event->worker].reaped;
    }
    if (event->core.u.record.type == LODE_TASK_SUBMIT) {
        mark_arrival(w, event);
    }
    return true;
}

static void
happen(struct sim_world *w, struct sim_event *event)
{
    switch (event->kind) {
    case EV_CORE:
        if (prepare_core_event(w, event)) {
            event->core.now_ns = w->now;
            core_step(w->core, &event->core);
            core_check(w->core);
        }
        break;
    case EV_TO_WORKER:
        to_worker(w, event);
        break;
    case EV_FINISH:
        if (w->worker[event->worker].alive && w->worker[event->worker].epoch == event->epoch) {
            finish(w, event->worker);
        }
        break;
    case EV_DIE:
        if (w->worker[event->worker].alive && w->worker[event->worker].epoch == event->epoch) {
            w->counts->crashed++;
            die(w, event->worker, one_in(w, 2) ? SIGSEGV : 3 << 8);
        }
        break;
    case EV_PROGRAM:
        act(w, event->session);
        break;
    case EV_SEAL:
        seal_foreign(w, event->id);
        break;
    case EV_START:
        start_worker(w, event->worker);
        break;
    }
    const struct core_action *action;
    while ((action = core_next_action(w->core)) != NULL) {
        carry_out(w, action);
    }
    free(event->bytes);
    free(event);
}

static void
begin(struct sim_world *w)
{
    uint32_t cpus = LODE_CPU_UNIT * (uint32_t)(1 + below(w, 4));
    struct core_options options = {.cpus = cpus, .worker_max = one_in(w, 3) ? 8 : 0};
    w->core = core_create(&options, w->now);
    int world = new_session(w, false, NONE); /* number 0: makes what nobody here makes */
    LODE_ASSERT(world == 0);
    struct lode_task_load load = {.tag = 1};
    uint8_t bytes[sizeof load + 8];
    memcpy(bytes, &load, sizeof load);
    memcpy(bytes + sizeof load, "/lib.so", 8);
    record_to_core(w, world, LODE_TASK_LOAD, bytes, sizeof bytes);
    for (int i = 0; i < PROGRAMS; i++) {
        int session = new_session(w, false, NONE);
        schedule(w, EV_PROGRAM, w->now + 50000000 + delay(w))->session = session;
    }
    const struct core_action *action;
    while ((action = core_next_action(w->core)) != NULL) {
        carry_out(w, action);
    }
}

/* Nothing is under way any more: everything has ended, once, and nothing is left. */
static void
check_end(struct sim_world *w)
{
    lode_scheduler_stats stats;
    core_get_stats(w->core, w->now, &stats);
    for (int t = 0; t < w->task_count; t++) {
        const struct sim_task *task = &w->task[t];
        const struct sim_session *s = &w->session[task->session];
        if (s->ended || !task->arrived) {
            w->counts->abandoned += !task->sealed;
            continue;
        }
        if (!task->ended) {
            fprintf(stderr, "sim: submission %llu of session %llu has not ended\n",
                    (unsigned long long)task->submission, (unsigned long long)s->number);
        }
        LODE_ASSERT(task->ended && task->sealed);
    }
    LODE_ASSERT(stats.cpus_used == 0);
    LODE_ASSERT(stats.tasks_waiting == 0 && stats.tasks_ready == 0 && stats.tasks_running == 0);
    LODE_ASSERT(w->watch_count == 0);
}

static void
free_world(struct sim_world *w)
{
    for (int i = 0; i < w->session_count; i++) {
        free(w->session[i].object);
        free(w->session[i].task_of);
    }
    for (int i = 0; i < w->worker_count; i++) {
        free(w->worker[i].queue);
    }
    core_destroy(w->core);
    free(w->worker);
    free(w->task);
    free(w->watch);
    free(w->slot_task);
    free(w->heap);
    free(w);
}

void
sim_run(const struct sim_options *options, struct sim_counts *counts_io)
{
    struct sim_world *w = calloc(1, sizeof *w);
    w->options = *options;
    w->counts = counts_io;
    w->random = options->seed;
    w->now = 1000000000;
    begin(w);
    struct sim_event *event;
    while ((event = next_event(w)) != NULL) {
        w->now = event->time;
        w->closing = w->closing || ++w->steps > options->steps;
        LODE_ASSERT(++w->steps < 100 * options->steps + 1000000); /* it comes to an end */
        happen(w, event);
    }
    check_end(w);
    free_world(w);
}
