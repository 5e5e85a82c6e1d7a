/*
 * workers.h: the processes as the core sees them: which list each is in (idle, open, none), what is
 * in its queue, and what its lease takes of the resources. How many there are: staff.h; what they
 * say: reports.h; their deaths: settle.h.
 */
#ifndef LODE_SCHEDULER_CORE_WORKERS_H
#define LODE_SCHEDULER_CORE_WORKERS_H

#include "scheduler/core/state/state.h"

struct core_worker *core_worker_find(struct core *core, uint32_t number);

/* Puts it into the list that it belongs to. After each change of it. */
void core_worker_relist(struct core *core, struct core_worker *worker);

/* Into and out of its queue, with the resources. */
void core_worker_take(struct core *core, struct core_worker *worker, struct core_task *task);
void core_worker_lose(struct core *core, struct core_worker *worker, struct core_task *task);

/* Its running task sleeps, or goes on: its resources are free meanwhile. */
void core_worker_set_blocked(struct core *core, struct core_worker *worker, bool is_blocked);

/* It is dead, and reaped. Its tasks stay in the queue until they are settled. */
void core_worker_bury(struct core *core, struct core_worker *worker);

/* True if it has served its program long enough, while another one waits for a worker. */
static inline bool
core_worker_runs_dry(const struct core *core, const struct core_worker *worker)
{
    return core->hungry > 0 && core->hungry - worker->program->hungry > 0 &&
           worker->served_ns >= CORE_SHIFT_NS;
}

/*
 * True if the task may be queued behind others of the worker, which serves one program at a time:
 * by its lease, and by slow start. A function whose tasks submit some themselves is never queued
 * ahead: a deeper task may become ready before its turn comes. Room by time: the list `open`.
 */
static inline bool
core_worker_may_queue(const struct core *core, const struct core_worker *worker,
                      const struct core_task *task)
{
    return worker->program == task->lane->program &&
           core_resources_equal(worker->lease, task->needs) &&
           worker->count < task->function->ramp && !task->function->nests &&
           !core_worker_runs_dry(core, worker);
}

/* It gets nothing more, and is replaced when it is idle. */
void core_worker_retire(struct core *core, struct core_worker *worker);

/* The same, since it says that it can serve no other program; the log says why. */
void core_worker_replace(struct core *core, struct core_worker *worker);

/* Nothing more is given to it; what it has stays until it is reaped. */
void core_worker_give_up(struct core *core, struct core_worker *worker);
void core_worker_kill(struct core *core, struct core_worker *worker);

/* Its queue must be empty, and it in no list. */
void core_worker_free(struct core *core, struct core_worker *worker);

#endif
