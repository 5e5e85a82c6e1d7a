/* ends.h: how a task ends: with its results, with an error in their place, or cancelled. */
#ifndef LODE_SCHEDULER_CORE_ENDS_H
#define LODE_SCHEDULER_CORE_ENDS_H

#include "scheduler/core/state/state.h"

/*
 * Its results are in the store, or (error) error objects in their place: tasks that wait for them
 * go on, or fail with the same error. The task is gone after this. It must be in no list.
 */
void core_task_end(struct core *core, struct core_task *task, bool error);

/*
 * Tasks that wait for the object go on (why LODE_OK), or fail because it will not come: LODE_ETASK:
 * it is an error object, LODE_EABORTED, LODE_EGONE. A chained task goes on either way: its worker
 * reads the error.
 */
void core_tell_waiters(struct core *core, struct core_object *object, lode_err why);

/* The task will not run, or not again: asks for its error objects. It must be in no list. */
void core_task_fail(struct core *core, struct core_task *task, lode_err code,
                    const struct core_death *death, const char *format, ...) LODE_PRINTF(5, 6);
/* The task's error objects are there, or its failure was reported: the task ends. */
void core_task_error_done(struct core *core, uint64_t cookie);

/* True if nobody wants the task's results any more. One that is needed again is not abandoned. */
bool core_task_is_unwanted(struct core_task *task);

/* Ends the task if it was cancelled or abandoned; false: neither. It must be in no list. */
bool core_task_stop(struct core *core, struct core_task *task);

/* How a task is cancelled. Without a bit: it is told, if it runs, and nothing else happens. */
enum {
    CORE_CANCEL_FORCE = LODE_CANCEL_FORCE, /* if it does not end by itself, its worker does */
    CORE_CANCEL_RECURSIVE = LODE_CANCEL_RECURSIVE, /* with what it has submitted, or will */
    CORE_CANCEL_SILENT = 4,   /* abandoned: nobody wants its results, and they are no error */
    CORE_CANCEL_UNNEEDED = 8, /* unless another task that is to run waits for it */
    CORE_CANCEL_LATE = 16,    /* its time limit is over: that is its error */

    CORE_ORPHAN = CORE_CANCEL_FORCE | CORE_CANCEL_RECURSIVE | CORE_CANCEL_UNNEEDED,
    CORE_ABANDON = CORE_ORPHAN | CORE_CANCEL_SILENT,
    CORE_TIME_OUT = CORE_CANCEL_FORCE | CORE_CANCEL_RECURSIVE | CORE_CANCEL_LATE
};

void core_task_cancel(struct core *core, struct core_task *task, uint32_t how);

#endif
