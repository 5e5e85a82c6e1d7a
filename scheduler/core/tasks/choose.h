/* choose.h: which worker a task goes to. */
#ifndef LODE_SCHEDULER_CORE_CHOOSE_H
#define LODE_SCHEDULER_CORE_CHOOSE_H

#include "scheduler/core/state/state.h"

/*
 * An idle worker, if the task fits beside what is in use, or else one in whose queue it has room.
 * NULL: there is none now. If only one will do that holds an old version of the task's library,
 * that one is replaced.
 */
struct core_worker *core_choose_worker(struct core *core, const struct core_task *task);

#endif
