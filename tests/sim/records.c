/* records.c: what the scheduler tells a worker. */
#include "tests/sim/state.h"

#include <stdlib.h>
#include <string.h>

static struct sim_task *
task_of_run(struct sim_world *w, const struct lode_task_run *run)
{
    struct sim_object *object = object_of(w, run->results);
    LODE_ASSERT(object->task != NONE);
    return &w->task[object->task];
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
