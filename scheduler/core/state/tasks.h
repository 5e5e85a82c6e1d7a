/*
 * tasks.h: the table of live tasks, by number. A number has the task's slot in its low bits and is
 * never used again. How a task's state changes: states.h; how it ends: ends.h.
 */
#ifndef LODE_SCHEDULER_CORE_TASKS_H
#define LODE_SCHEDULER_CORE_TASKS_H

#include "scheduler/core/state/state.h"

/* NULL: it has ended, or never was. */
struct core_task *core_task_find(const struct core *core, uint64_t number);

/* The task in that slot; NULL: there is none. Slots from core.slot_used on have never had one. */
struct core_task *core_task_at(const struct core *core, uint32_t slot);

/* Zeroed but for its number, its session and its place in the lane. */
struct core_task *core_task_create(struct core *core, struct core_session *session,
                                   struct core_lane *lane);

/* It must be in no list but its lane's, and nobody may wait for what it makes. The session goes,
 * too, if it has ended and this was its last task. */
void core_task_destroy(struct core *core, struct core_task *task);

/* Gives memory back that no task has needed since the last call. */
void core_tasks_tidy(struct core *core);

/* How long ago it was submitted, to some 10 ms. */
int64_t core_task_age_ns(const struct core *core, const struct core_task *task);

/* The program it belongs to. NULL: it was never in a lane. */
const struct core_program *core_task_program(const struct core_task *task);

/*
 * The session that is told what the task prints, and that it failed if nobody waits for it: the
 * program's root, whichever task has submitted it. A worker is never told: what it prints comes
 * back here. NULL: nobody is there any more.
 */
struct core_session *core_task_audience(const struct core_task *task);

/* The display name: its own, or its function's. `room` may be used for it. */
const char *core_task_name(const struct core_task *task, char room[LODE_TASK_NAME_MAX + 1]);

#endif
