/* stats.h: the answer to STATS: counters and gauges, and the document that `lode status` shows. */
#ifndef LODE_SCHEDULER_CORE_STATS_H
#define LODE_SCHEDULER_CORE_STATS_H

#include "scheduler/core/core.h"

struct core_session;

/* Counters and gauges as of now. */
void core_get_stats(const struct core *core, int64_t now_ns, lode_scheduler_stats *stats_out);

void core_send_stats(struct core *core, struct core_session *session, const void *bytes,
                     uint32_t size);

#endif
