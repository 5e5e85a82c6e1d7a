/* actions.h: what the steps ask for: one buffer of actions, in order. */
#ifndef LODE_SCHEDULER_CORE_ACTIONS_H
#define LODE_SCHEDULER_CORE_ACTIONS_H

#include "scheduler/core/state/state.h"

/* Room for the bytes of one action, to be filled before the next one is made. */
void *core_emit(struct core *core, enum core_action_type type, uint64_t target, uint64_t cookie,
                int64_t value, uint32_t size);
/* The same for a SEND of that record. */
void *core_emit_record(struct core *core, uint64_t session, enum lode_task_msg message,
                       uint32_t size);
/* An action whose bytes are these ids. */
void core_emit_ids(struct core *core, enum core_action_type type, uint64_t target, uint64_t cookie,
                   const lode_id *ids, uint32_t count);
void core_log(struct core *core, const char *id, const char *format, ...) LODE_PRINTF(3, 4);

#endif
