/*
 * settle.h: the death of a worker: what its page and its exit say, what the store says of its
 * tasks, and what becomes of each.
 */
#ifndef LODE_SCHEDULER_CORE_SETTLE_H
#define LODE_SCHEDULER_CORE_SETTLE_H

#include "scheduler/core/state/state.h"

/* The answer to SPAWN; with err it has died before it began. */
void core_worker_spawned(struct core *core, uint32_t number, int64_t pid, uint32_t err);

/* It was reaped: the store is asked what became of its tasks. */
void core_worker_exited(struct core *core, const struct core_event *event);

#endif
