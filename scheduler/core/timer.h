/* timer.h: one timer for all that time decides, armed only while something waits for it. */
#ifndef LODE_SCHEDULER_CORE_TIMER_H
#define LODE_SCHEDULER_CORE_TIMER_H

#include "scheduler/core/state/state.h"

void core_timer_fired(struct core *core);

/* Makes sure that the timer fires no later than the first thing that time decides. */
void core_timer_arm(struct core *core);

#endif
