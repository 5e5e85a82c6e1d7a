/* check.h: what must hold between two steps. */
#ifndef LODE_SCHEDULER_CORE_CHECK_H
#define LODE_SCHEDULER_CORE_CHECK_H

#include "scheduler/core/core.h"

/* Walks everything and asserts it. For tests and the simulator. */
void core_check(const struct core *core);

#endif
