/*
 * printed.h: what workers print. Bytes become lines, and lines go to the program whose task has
 * printed them, as OUTPUT. Each byte comes with the task that was running when it was written: the
 * scheduler's main thread reads the pipe while the task runs, and the worker reads the rest when it
 * ends (api/layout/output_lock.h). The two may come crosswise for neighbouring tasks. So each task
 * has a line of its own that has no end yet, and that ends with its DONE.
 */
#ifndef LODE_SCHEDULER_CORE_PRINTED_H
#define LODE_SCHEDULER_CORE_PRINTED_H

#include "scheduler/core/state/state.h"

/*
 * The task that is named has written the bytes; LODE_PRINTING_LIBRARY: the library that the worker
 * describes. If the task is not the worker's, the log alone hears of them.
 */
void core_printed(struct core *core, struct core_worker *worker, uint64_t task, const char *bytes,
                  uint32_t size);

/* The event CORE_OUTPUT: the same, where the program is known, and the task need not be. */
void core_output(struct core *core, const struct core_event *event);

/* The task ends, or LODE_PRINTING_LIBRARY, and its last line too. It must be the worker's still. */
void core_printed_end(struct core *core, struct core_worker *worker, uint64_t task);

/* The worker has died: all lines end. */
void core_printed_end_all(struct core *core, struct core_worker *worker);

#endif
