/* speaker.h: for whom a session speaks: which task, and so which program. */
#ifndef LODE_SCHEDULER_CORE_SPEAKER_H
#define LODE_SCHEDULER_CORE_SPEAKER_H

#include "scheduler/core/state/state.h"

/* True of a session through which no task speaks, nor ever has: nearly all that programs open. */
static inline bool
core_speaks_for_itself(const struct core_session *session)
{
    return !session->is_worker && session->host == 0 && session->inside == 0;
}

/*
 * The task that speaks through the session. A session of a worker's process names it. A session of
 * a process that a task has started belongs to that task. NULL: none does, or it has ended. The
 * task that runs in the worker now may be a stranger's, for what two sessions say comes in any
 * order.
 */
struct core_task *core_speaker_task(struct core *core, const struct core_session *session,
                                    uint64_t number);

/*
 * The program for which the session speaks: that of this task (core_speaker_task() of `number`), or
 * its own. A task that is named, and has ended meanwhile, was of the same program as the one before
 * it.
 */
struct core_program *core_speaker_program(struct core *core, struct core_session *session,
                                          const struct core_task *task, uint64_t number);

#endif
