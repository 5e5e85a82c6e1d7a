/*
 * leave.h: what becomes of the tasks of a session that has ended. The store says which of their
 * results another session wants (RESULTS). Those tasks go on, and the tasks that they need. So do
 * those of a worker's session whose parent has ended, as long as their program lives. The others
 * are abandoned.
 */
#ifndef LODE_SCHEDULER_CORE_LEAVE_H
#define LODE_SCHEDULER_CORE_LEAVE_H

#include "scheduler/core/state/state.h"

void core_session_end(struct core *core, uint64_t number);

#endif
