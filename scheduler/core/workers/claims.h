/*
 * claims.h: tasks that a worker said were done, and whose results the store may not have yet.
 *
 * A worker writes the results of a task into its ring, and then tells the scheduler DONE. The
 * scheduler forgets the task. As a rule the store takes the results out of the ring microseconds
 * later; it also does when the worker dies. But the store does not look into the ring of a session
 * that it has cut, nor at what a process writes after its session has ended. Then the results never
 * come. Without this file nobody would know of them any more, and a program that waits for one of
 * them would hang for ever.
 *
 * So the core remembers as many of a worker's last DONEs as its ring has room for commits. When the
 * worker is gone, for whatever reason, the store is asked for their results (SETTLE), and those
 * that it does not have end in an error. They are not tried again: their arguments may be gone.
 */
#ifndef LODE_SCHEDULER_CORE_CLAIMS_H
#define LODE_SCHEDULER_CORE_CLAIMS_H

#include "scheduler/core/state/state.h"

/* The worker says that the task is done. */
void core_claims_note(struct core_worker *worker, const struct core_task *task);

/* The worker is dead: the store is asked for the results of what it said was done. */
void core_claims_ask(struct core *core, const struct core_worker *worker);

#endif
