/*
 * sessions.h: programs and workers as peers: their coming, what is sent to them, their end notices.
 * What becomes of the tasks of one that has ended: leave.h.
 */
#ifndef LODE_SCHEDULER_CORE_SESSIONS_H
#define LODE_SCHEDULER_CORE_SESSIONS_H

#include "scheduler/core/state/state.h"

struct core_session *core_session_find(struct core *core, uint64_t number);
struct core_session *core_session_of_store(struct core *core, uint64_t store_session);
void core_session_open(struct core *core, const struct core_event *event);

/* A record for a session; its end notices ride along in front. NULL: the session is gone. */
void *core_send(struct core *core, struct core_session *session, enum lode_task_msg message,
                uint32_t size);

/* Cuts a session, once: a sentence for it and for the log. */
void core_cut(struct core *core, struct core_session *session, lode_err err, const char *format,
              ...) LODE_PRINTF(4, 5);

/* Tells it to ask again what names stand for; see names.h. */
void core_session_forget_names(struct core *core, struct core_session *session, uint32_t flags);

/* One of its tasks has ended: a notice, now or later. */
void core_session_notice(struct core *core, struct core_session *session, uint64_t submission);
/* Sends the notices that wait. */
void core_session_flush(struct core *core, struct core_session *session);
/* Nobody is there to be told. */
void core_session_forget_notices(struct core *core, struct core_session *session);

/* Frees an ended session that nothing refers to any more. */
void core_session_settle(struct core *core, struct core_session *session);

#endif
