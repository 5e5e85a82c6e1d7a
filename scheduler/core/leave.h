/*
 * leave.h: a session has ended, and what becomes of its tasks: the store says which of their results
 * somebody else wants (RESULTS). Those tasks go on, and what they need; the others are abandoned.
 */
#ifndef LODE_SCHEDULER_CORE_LEAVE_H
#define LODE_SCHEDULER_CORE_LEAVE_H

#include "scheduler/core/state.h"

void core_session_end(struct core *core, uint64_t number);

#endif
