/*
 * chain.h: placing tasks. A task that is ready is placed. A task is chained if all its missing
 * arguments are to be made by tasks in one worker's queue: it goes behind them at once. So a chain
 * does not cost a round trip for each link. The worker finds the arguments when it comes to the
 * task, its own results among them. If a maker has left none, the worker hands the task back
 * (MISSING).
 *
 * A chained task is PLACED, and its `waiting` is not 0. It stays among the tasks that wait for its
 * makers, so that these are not abandoned. It is not fetched for an idle worker: it could not begin
 * there before its makers have ended.
 */
#ifndef LODE_SCHEDULER_CORE_CHAIN_H
#define LODE_SCHEDULER_CORE_CHAIN_H

#include "scheduler/core/state/state.h"

/* → PLACED. Chains the tasks that wait for it, and those that wait for them. */
void core_task_place(struct core *core, struct core_task *task, struct core_worker *worker);

/* The same for a new task of which nothing is missing. False: others are ready, or no room. */
bool core_task_place_at_once(struct core *core, struct core_task *task);

/* A WAITING task: it becomes ready if nothing is missing, is chained if it can be, or waits on. */
void core_task_go_on(struct core *core, struct core_task *task);

/* One argument for which the task waited is there. */
void core_task_arg_came(struct core *core, struct core_task *task);

#endif
