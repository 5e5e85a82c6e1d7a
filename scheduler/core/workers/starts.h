/*
 * starts.h: workers that do not come up: after each one the next is started later. Why they do not
 * says what becomes of the tasks that wait for a worker:
 *
 *   KILLED  somebody ended it by a signal. That says nothing about the next one: tasks wait,
 *           however often it happens.
 *   HUNGER  the system has no process, thread or memory for it. That may pass: only after some time
 *           it is hopeless. As a rule workers are there that hold what is lacking; then the program
 *           pays whose workers wait (relief.h), and no other.
 *   BROKEN  it cannot work: its program is missing, say, or ends by itself. Hopeless after a few.
 *
 * Where it is hopeless and no worker is there, all ready tasks and loads fail, and hear the reason.
 */
#ifndef LODE_SCHEDULER_CORE_STARTS_H
#define LODE_SCHEDULER_CORE_STARTS_H

#include "scheduler/core/state/state.h"

/* There was no memory to ask for one. */
void core_start_lacks_memory(struct core *core);

/* It could not even be started: the answer to SPAWN had this error. */
void core_start_refused(struct core *core, lode_err err);

/* It has ended before it was up: worker->death says how. */
void core_start_ended(struct core *core, const struct core_worker *worker);

/* One is up. */
void core_start_succeeded(struct core *core);

/* Where core->starts.is_hopeless: LODE_ELIMIT for hunger, else LODE_ECRASHED. */
lode_err core_start_error(const struct core *core);

#endif
