/*
 * orphans.h: tasks that a program leaves behind. When its session has ended, its own tasks are
 * abandoned unless somebody wants their results (leave.h), and what those have submitted is
 * cancelled with them. Two kinds are left: tasks whose parent had ended before, and tasks whose
 * results were wanted then and are not any more. Without this file they would run on, or hold a
 * CPU, for nobody.
 *
 * So every second the store is asked which of them somebody still wants. The others are cancelled
 * by force. Their results are errors, for their submitter's session may live on: whoever comes to
 * know such an id later must not wait for ever.
 */
#ifndef LODE_SCHEDULER_CORE_ORPHANS_H
#define LODE_SCHEDULER_CORE_ORPHANS_H

#include "scheduler/core/state/state.h"

/* Asks the store: the time for that (core.orphans_at) has come. */
void core_orphans_look(struct core *core);

#endif
