/*
 * args.h: which of a task's arguments are there, and which it has to wait for: results of live
 * tasks, which their ends tell of, and objects of others, which the store tells of (NOTIFY).
 */
#ifndef LODE_SCHEDULER_CORE_ARGS_H
#define LODE_SCHEDULER_CORE_ARGS_H

#include "scheduler/core/state/state.h"

/*
 * The task, which is in no list, waits for the arguments that are missing. If none is, it is ready.
 *
 *   trust  arguments are there of which the submitter says so. False: a worker did not find one, so
 *          only live tasks and the store are believed
 */
void core_task_look_for_args(struct core *core, struct core_task *task, bool trust);

/*
 * The same for a task that was just submitted, and whose submitter is believed. If nothing is
 * missing, and no other task is ready, it is placed at once if a worker has room for it.
 */
void core_task_begin(struct core *core, struct core_task *task);

/*
 * A task that was placed comes back, and is in no list: it is ready, or waits for its makers again.
 */
void core_task_back(struct core *core, struct core_task *task);

/* The store's answer to WATCHes with that cookie. */
void core_notified(struct core *core, uint64_t cookie, const struct lode_msg_ready *ready,
                   uint32_t count);

#endif
