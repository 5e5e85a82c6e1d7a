/*
 * stopping.h: tasks that are to end, and do not.
 *
 * A running task that is abandoned, or cancelled by force, is first told by a flag: its function
 * may look at it, and its calls that sleep end (STOP_TASK). If it still runs after CORE_GRACE_NS,
 * its worker gets SIGTERM. After CORE_GRACE_NS more the worker is killed. The task ends as
 * cancelled, and is not tried again.
 *
 * No other task comes to harm by it. While it has its time of grace nothing is queued behind it,
 * and what was comes back. A worker that got SIGTERM gets no other task, for the signal may come
 * late; if it outlives the task, it is replaced.
 */
#ifndef LODE_SCHEDULER_CORE_STOPPING_H
#define LODE_SCHEDULER_CORE_STOPPING_H

#include "scheduler/core/state/state.h"

/* Takes the step that is due for this worker. Gives the time of the next one; 0: there is none. */
int64_t core_worker_stop_forced(struct core *core, struct core_worker *worker);

#endif
