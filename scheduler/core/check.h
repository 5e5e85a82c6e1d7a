/* check.h: what must hold between two steps. */
#ifndef LODE_SCHEDULER_CORE_CHECK_H
#define LODE_SCHEDULER_CORE_CHECK_H

#include "scheduler/core/core.h"

/*
 * Walks everything and asserts it; true. For tests, the simulator, and now and then after a step of
 * a debug build.
 */
bool core_check(const struct core *core);

#endif
