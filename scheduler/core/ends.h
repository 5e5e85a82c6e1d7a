/* ends.h: how a task ends: with its results, with an error in their place, or cancelled. */
#ifndef LODE_SCHEDULER_CORE_ENDS_H
#define LODE_SCHEDULER_CORE_ENDS_H

#include "scheduler/core/state.h"

/*
 * Its results are in the store, or (error) error objects in their place: tasks that wait for them go
 * on, or fail with the same error. The task is gone after this. It must be in no list.
 */
void core_task_end(struct core *core, struct core_task *task, bool error);

/*
 * Tasks that wait for the object go on (why LODE_OK), or fail because it will not come: LODE_ETASK: it
 * is an error object, LODE_EABORTED, LODE_EGONE. A chained task goes on either way: its worker reads
 * the error.
 */
void core_tell_waiters(struct core *core, struct core_object *object, lode_err why);

/* It will not run (again): asks for its error objects. The task must be in no list. */
void core_task_fail(struct core *core, struct core_task *task, lode_err code,
                    const struct core_death *death, const char *format, ...) LODE_PRINTF(5, 6);
/* Its error objects are there, or its failure was reported: it ends. */
void core_task_error_done(struct core *core, uint64_t cookie);

/* Ends it if it was cancelled or abandoned; false: neither. The task must be in no list. */
bool core_task_stop(struct core *core, struct core_task *task);

/* Somebody asked for it; or (abandon) its session has ended, and nobody else wants its results. */
void core_task_cancel(struct core *core, struct core_task *task, bool abandon);

#endif
