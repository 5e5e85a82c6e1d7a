/* tasks.c: what the task that runs in a worker does: sleeps, submits others, ends. */
#include "tests/sim/state.h"

#include <signal.h>
#include <string.h>

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
void
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
    struct lode_task_worker message = {.task = worker->running_number,
                                       .call = ++worker->calls,
                                       .flags = worker->calls % 4 == 0 ? LODE_BLOCKED_FOR_ROOM : 0};
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
void
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
