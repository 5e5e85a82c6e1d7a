/* stats.h: the statistics of the core: its counters, and gauges as of now. */
#ifndef LODE_SCHEDULER_CORE_STATS_H
#define LODE_SCHEDULER_CORE_STATS_H

#include "scheduler/core/core.h"

void core_get_stats(const struct core *core, int64_t now_ns, lode_scheduler_stats *stats_out);

#endif
