/* submit.h: from a SUBMIT record to a task that waits, is ready, or has failed already. */
#ifndef LODE_SCHEDULER_CORE_SUBMIT_H
#define LODE_SCHEDULER_CORE_SUBMIT_H

#include "scheduler/core/state/state.h"

void core_submit(struct core *core, struct core_session *session, const void *bytes, uint32_t size);

#endif
