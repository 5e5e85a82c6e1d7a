/* workers.c: processes come up and die. What they run: tasks.c; what they are told: records.c. */
#include "tests/sim/state.h"

#include <signal.h>
#include <stdlib.h>

int
worker_numbered(struct sim_world *w, uint64_t number)
{
    LODE_ASSERT(number >= 1 && number <= (uint64_t)w->worker_count);
    return (int)number - 1;
}

/* The core's numbers have their slot in the low 24 bits, and slots are used again. */
struct sim_task *
task_numbered(struct sim_world *w, uint64_t number)
{
    uint64_t slot = number & 0xffffff;
    LODE_ASSERT(slot < w->slot_room && w->task[w->slot_task[slot]].number == number);
    return &w->task[w->slot_task[slot]];
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

void
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

/* A function may have a handler of its own for what can be handled. */
void
got_signal(struct sim_world *w, int index, int32_t signal)
{
    if (signal == SIGKILL || one_in(w, 2)) {
        die(w, index, signal);
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
