/* staff.h: how many workers there are: started, started again with patience, and let go. */
#ifndef LODE_SCHEDULER_CORE_STAFF_H
#define LODE_SCHEDULER_CORE_STAFF_H

#include "scheduler/core/state/state.h"

/* Starts those that there always are. */
void core_workers_start(struct core *core);

/* Starts what is missing, ends what is too much. */
void core_workers_adjust(struct core *core);

#endif
