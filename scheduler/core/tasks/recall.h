/* recall.h: fetches tasks back that a worker has not started. The worker's answer: reports.h. */
#ifndef LODE_SCHEDULER_CORE_RECALL_H
#define LODE_SCHEDULER_CORE_RECALL_H

#include "scheduler/core/state/state.h"

/* Asks a worker for one task back, or (task NULL) for all that it has not started. */
void core_recall(struct core *core, struct core_worker *worker, struct core_task *task);

/* Fetches unstarted tasks of busy workers for idle ones. */
void core_rebalance(struct core *core);

#endif
