/* document.h: the answer to STATS: the statistics, and the document that `lode status` shows. */
#ifndef LODE_SCHEDULER_CORE_DOCUMENT_H
#define LODE_SCHEDULER_CORE_DOCUMENT_H

#include "scheduler/core/state/state.h"

void core_send_stats(struct core *core, struct core_session *session, const void *bytes,
                     uint32_t size);

#endif
