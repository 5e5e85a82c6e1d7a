/*
 * relief.h: ready tasks that no worker will come to: something is ended, with an error that says
 * why, so that nobody waits for ever.
 *
 * A program is stuck if all of its workers are blocked, and it may have no more of them. A second
 * later its deepest ready task fails, if that was submitted by a task: its parent hears of it, and
 * goes on or ends. Otherwise the call that was the last to block ends with an error. So it goes on,
 * one at a time, until a worker is free. Other programs are not touched.
 *
 * A program of whose workers core.running_max wait for room in the store gets no more, and loses
 * nothing: whoever holds the room may free it any time. But its ready tasks may be those that do.
 * So for each second in which no task of it has left a worker, one more may wait.
 *
 * Where the system allows no more processes, a program without a worker waits for those of the
 * others. If all of them are blocked, the program that has most of them is relieved in the same
 * way, also if no task of it is ready. If workers cannot be started at all, and none is there, all
 * that waits for one fails (starts.h).
 */
#ifndef LODE_SCHEDULER_CORE_RELIEF_H
#define LODE_SCHEDULER_CORE_RELIEF_H

#include "scheduler/core/state/state.h"

/* Gives the time at which to look again; 0: when something has changed. */
int64_t core_relieve(struct core *core);

#endif
