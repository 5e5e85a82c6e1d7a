/*
 * spill.h: lines of tasks that no program takes: too many wait for it already, or it has ended.
 * They go to the log for output (api/cluster/log_file.h). A line of its own before them has the
 * time and the task.
 */
#ifndef LODE_SCHEDULER_SPILL_H
#define LODE_SCHEDULER_SPILL_H

#include "scheduler/core/core.h"

/*
 * Appends the lines of an OUTPUT, the bytes of the action. False: they are not, or not all, in the
 * log. Any thread.
 *
 *   logs     the directory
 *   missing  lines that were lost before these: the log says so; 0: none
 */
bool spill_write(const char *logs, const struct core_action *action, uint64_t missing);

#endif
