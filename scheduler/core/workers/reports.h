/* reports.h: what a worker says. What it prints: printed.h. */
#ifndef LODE_SCHEDULER_CORE_REPORTS_H
#define LODE_SCHEDULER_CORE_REPORTS_H

#include "scheduler/core/state/state.h"

void core_worker_ready(struct core *core, struct core_worker *worker);

/*
 * The worker's running task sleeps. Its resources are free meanwhile, and tasks that the worker has
 * not begun are recalled.
 */
void core_worker_blocked(struct core *core, struct core_worker *worker,
                         const struct lode_task_worker *said);
void core_worker_unblocked(struct core *core, struct core_worker *worker);

/* The worker gives these tasks back: it was asked to, or it is blocked. */
void core_recalled(struct core *core, struct core_worker *worker, const uint64_t *task,
                   uint32_t count);

/* `size`: of the record; a task that has failed has its sentence behind it. */
void core_task_done(struct core *core, struct core_worker *worker,
                    const struct lode_task_done *done, uint32_t size);

#endif
