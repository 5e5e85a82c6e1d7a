/* list.h: the answer to LIST: the tasks that have not ended, some at a time. */
#ifndef LODE_SCHEDULER_CORE_LIST_H
#define LODE_SCHEDULER_CORE_LIST_H

#include "scheduler/core/state/state.h"

enum {
    CORE_LIST_TASKS = 256, /* tasks of an answer: all others wait while it is made */
    CORE_LIST_SLOTS = 4096 /* slots that are looked at for it */
};

void core_send_list(struct core *core, struct core_session *session, const void *bytes,
                    uint32_t size);

#endif
