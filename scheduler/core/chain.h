/*
 * chain.h: a task that is ready is placed; and a task whose arguments are all to be made by tasks in
 * one worker's queue is chained: it goes behind them at once, so that a chain costs no round trip a
 * link. The worker finds the arguments when it comes to the task, its own results among them. If a
 * maker left none, the worker hands the task back (MISSING).
 *
 * A chained task is PLACED, and its `waiting` is not 0. It stays among those who wait for its makers,
 * so that these are not abandoned. It is not fetched for an idle worker: it could not begin there
 * before its makers have ended.
 */
#ifndef LODE_SCHEDULER_CORE_CHAIN_H
#define LODE_SCHEDULER_CORE_CHAIN_H

#include "scheduler/core/state.h"

/* READY → PLACED, and chains what waits for it, and what waits for that. */
void core_task_place(struct core *core, struct core_task *task, struct core_worker *worker);

/* WAITING: it is ready if nothing is missing, is chained if it can be, else waits on. */
void core_task_go_on(struct core *core, struct core_task *task);

/* One argument that it waited for is there. */
void core_task_arg_came(struct core *core, struct core_task *task);

#endif
