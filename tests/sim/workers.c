/* workers.c: processes that run tasks, block, hand back, and die. */
#include "tests/sim/state.h"

#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* ---- workers -------------------------------------------------------------------------------- */

int
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
struct sim_task *
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

void
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
    atomic_store(&worker->page.begun[worker->begun++ % LODE_WORKER_BEGUN_MAX], number);
    w->counts->ran++;
    w->counts->looped += task->loops;
    if (task->loops) {
        worker->epoch++;
        return;
    }
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

static void
sleep_for(struct sim_world *w, struct sim_worker *worker, lode_id id)
{
    worker->awaits = id;
    worker->blocked = true;
    struct lode_task_worker message = {.task = worker->running_number, .call = ++worker->calls};
    record_to_core(w, worker->session, LODE_TASK_BLOCKED, &message, sizeof message);
}

/* The running task calls another one and waits for it. */
static void
call_and_block(struct sim_world *w, int index)
{
    struct sim_worker *worker = &w->worker[index];
    lode_id child = submit(w, worker->session, worker->running_number, (lode_id){{0}}, true);
    sleep_for(w, &w->worker[index], child);
    w->counts->blocked++;
}

/* Its session with the store was cut: it goes on until it notices, and nothing of it arrives. */
static void
lose_results(struct sim_world *w, int index, struct sim_task *task, uint64_t number)
{
    task->lost = true;
    w->counts->lost++;
    atomic_store(&w->worker[index].page.finished, number);
    send_done(w, &w->worker[index], number, LODE_DONE_OK, below(w, 20000));
    die(w, index, 0);
}

/* A child that is still to come; NULL: all have. */
static const lode_id *
awaited_child(struct sim_world *w, const struct sim_task *task)
{
    for (uint32_t i = 0; i < task->child_count; i++) {
        if (object_of(w, task->child[i])->state == OBJECT_TO_COME) {
            return &task->child[i];
        }
    }
    return NULL;
}

/* The running task submits its children, and waits for all of them. */
static void
fork_and_join(struct sim_world *w, int index, uint32_t children)
{
    struct sim_worker *worker = &w->worker[index];
    int64_t task = worker->running;
    for (uint32_t i = 0; i < children; i++) {
        lode_id child = submit(w, worker->session, worker->running_number, (lode_id){{0}}, false);
        w->task[task].child[w->task[task].child_count++] = child;
    }
    sleep_for(w, worker, w->task[task].child[0]);
    w->counts->forked++;
    LODE_ASSERT(++w->session[w->task[task].program].forks <=
                (TREE_DEPTH + TREE_FUNCTIONS) * w->cpus);
}

/* The running task waits for the result of the one that was submitted after it. */
static bool
climbs(struct sim_world *w, int index)
{
    struct sim_worker *worker = &w->worker[index];
    struct sim_task *task = &w->task[worker->running];
    const struct sim_session *s = &w->session[task->session];
    if (!w->options.ladders || task->child_count > 0 || task->submission == s->submissions) {
        return false;
    }
    const struct sim_task *next = &w->task[s->task_of[task->submission + 1]];
    if (object_of(w, next->results)->state != OBJECT_TO_COME) {
        return false;
    }
    task->child[task->child_count++] = next->results;
    sleep_for(w, worker, next->results);
    return true;
}

static bool
forks(struct sim_world *w, int index)
{
    const struct sim_task *task = &w->task[w->worker[index].running];
    if (!w->options.trees || task->child_count > 0 || task->depth == TREE_DEPTH) {
        return false;
    }
    uint32_t children = (uint32_t)below(w, TREE_WIDTH);
    if (children > 0) {
        fork_and_join(w, index, children);
    }
    return children > 0;
}

void
finish(struct sim_world *w, int index)
{
    if (forks(w, index) || climbs(w, index)) {
        return;
    }
    struct sim_worker *worker = &w->worker[index];
    /* One function submits tasks of its own; those of the others can be chained. */
    bool may_call = w->task[worker->running].result_count == FUNCTIONS;
    if (!w->closing && !worker->blocked && may_call && one_in(w, 8)) {
        call_and_block(w, index);
        return;
    }
    struct sim_task *task = &w->task[worker->running];
    bool error = one_in(w, 200);
    uint64_t number = worker->running_number;
    task->running_at = NONE;
    worker->running = NONE;
    if (one_in(w, 300)) {
        lose_results(w, index, task, number);
        return;
    }
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

/* The running task's call ends, and the task goes on. */
static void
unblock(struct sim_world *w, int index)
{
    struct sim_worker *worker = &w->worker[index];
    if (w->options.trees) {
        w->session[w->task[worker->running].program].forks--;
    }
    worker->blocked = false;
    struct lode_task_worker message = {.task = worker->running_number, .call = worker->calls};
    record_to_core(w, worker->session, LODE_TASK_UNBLOCKED, &message, sizeof message);
    struct sim_event *event = schedule(w, EV_FINISH, w->now + (int64_t)below(w, 20000));
    event->worker = index;
    event->epoch = ++worker->epoch;
}

void
unblock_waiters(struct sim_world *w, lode_id id)
{
    for (int i = 0; i < w->worker_count; i++) {
        struct sim_worker *worker = &w->worker[i];
        if (!worker->alive || !worker->blocked || !lode_id_same(worker->awaits, id)) {
            continue;
        }
        if (w->options.trees) {
            const lode_id *next = awaited_child(w, &w->task[worker->running]);
            if (next != NULL) {
                worker->awaits = *next;
                continue;
            }
        }
        unblock(w, i);
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

/* It runs there, or is to run there. */
static bool
task_waits_at(struct sim_world *w, const struct sim_worker *worker, const struct sim_task *task)
{
    bool is_there = worker->running != NONE && &w->task[worker->running] == task;
    for (uint32_t i = 0; i < worker->count; i++) {
        is_there = is_there || worker->queue[i] == task->number;
    }
    return is_there;
}

static void
got_run(struct sim_world *w, int index, const struct lode_task_run *run)
{
    struct sim_worker *worker = &w->worker[index];
    struct sim_task *task = task_of_run(w, run);
    LODE_ASSERT(lode_id_same(task->results, run->results) && !task->ended);
    LODE_ASSERT(run->attempt >= 1 && run->attempt <= task->max_retries + 1);
    LODE_ASSERT(run->attempt == task->executions + 1); /* charged for each that began, no other */
    note_number(w, task, run->task);
    for (uint32_t i = 0; i < task->arg_count; i++) {
        const struct sim_object *object = object_of(w, task->arg[i]);
        w->counts->chained += object->state == OBJECT_TO_COME && object->task != NONE &&
                              task_waits_at(w, worker, &w->task[object->task]);
    }
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
got_give_up(struct sim_world *w, int index, const struct lode_task_give_up *give_up)
{
    const struct sim_worker *worker = &w->worker[index];
    if (worker->blocked && worker->calls == give_up->call) {
        w->counts->gave_up++;
        unblock(w, index);
    }
}

/* A function may have a handler of its own for what can be handled. */
void
got_signal(struct sim_world *w, int index, int32_t signal)
{
    if (signal == SIGKILL || one_in(w, 2)) {
        die(w, index, signal);
    }
}

void
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
    case LODE_TASK_GIVE_UP:
        got_give_up(w, event->worker, bytes);
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

void
start_worker(struct sim_world *w, int index)
{
    struct sim_worker *worker = &w->worker[index];
    if (!worker->alive) {
        return;
    }
    if (w->start_failing > 0 || one_in(w, 25)) {
        w->start_failing -= w->start_failing > 0;
        w->counts->start_failures++;
        static const int32_t STATUS[] = {1 << 8, LODE_WORKER_LACKS << 8, SIGKILL};
        die(w, index, STATUS[below(w, 3)]);
        return;
    }
    worker->session = new_session(w, true, index);
    struct lode_task_worker ready = {.task = 0};
    record_to_core(w, worker->session, LODE_TASK_READY, &ready, sizeof ready);
}

void
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
    event->core.u.spawned.err = !fails ? LODE_OK : one_in(w, 2) ? LODE_ESYS : LODE_ELIMIT;
    event->core.u.spawned.pid = 10000 + index;
    if (fails) {
        w->worker[index].alive = false;
        return;
    }
    schedule(w, EV_START, time + delay(w))->worker = index;
}
