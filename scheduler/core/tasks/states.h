/*
 * states.h: the states of a task, and the only functions that write task.state. The drawing is in
 * scheduler/README.md.
 *
 * A task that is born, or was unlinked, is in no list: then one of these may be called for it.
 */
#ifndef LODE_SCHEDULER_CORE_STATES_H
#define LODE_SCHEDULER_CORE_STATES_H

#include "scheduler/core/state/state.h"

/* It waits for arguments. */
void core_task_wait(struct core *core, struct core_task *task);

/* It stands in its lane, at the place that it was given when it was submitted. */
void core_task_ready(struct core *core, struct core_task *task);

/* It goes to the end of the worker's queue, and is sent to the worker. */
void core_task_put(struct core *core, struct core_task *task, struct core_worker *worker);

/* PLACED, and its worker was reaped: what became of it is found out. It stays in the queue. */
void core_task_settle(struct core_task *task);

/* It will not run (again). */
void core_task_start_failing(struct core_task *task);

/* Takes it out of the list that its state has it in, and it waits for nothing any more. */
void core_task_unlink(struct core *core, struct core_task *task);

#endif
