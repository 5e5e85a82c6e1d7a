/*
 * told.h: tasks that a worker said were done, and whose results the store may not have yet: they lie
 * in the worker's ring. As a rule they stay there for microseconds, and the store drains a ring when
 * its session ends. But the ring of a session that the store cuts is not drained, and nothing is
 * taken that a process writes after its session has ended. Then the results never come, and whoever
 * waits for them would wait for ever.
 *
 * So the core remembers as many of a worker's last DONEs as its ring has room for commits. When the
 * worker is gone, for whatever reason, the store is asked for their results (SETTLE), and those that
 * it does not have end in an error. They are not tried again: their arguments may be gone.
 */
#ifndef LODE_SCHEDULER_CORE_TOLD_H
#define LODE_SCHEDULER_CORE_TOLD_H

#include "scheduler/core/state.h"

/* The worker says that it is done. */
void core_told_note(struct core_worker *worker, const struct core_task *task);

/* The worker is dead: the store is asked for what it said was done. */
void core_told_ask(struct core *core, const struct core_worker *worker);

#endif
