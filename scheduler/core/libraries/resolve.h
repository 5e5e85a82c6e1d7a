/* resolve.h: answers to RESOLVE: which function a name means, or why it means none. */
#ifndef LODE_SCHEDULER_CORE_RESOLVE_H
#define LODE_SCHEDULER_CORE_RESOLVE_H

#include "scheduler/core/state/state.h"

/* How long the library's part of "library.function" is; 0: it is no such name. */
size_t core_library_part(const char *name);

/* Answers from what is in the table now. LODE_ENOTFOUND: there is no such library or function. */
void core_resolve_name(struct core *core, struct core_session *session,
                       const struct lode_task_resolve *asked, const char *name);

/* function NULL: `err`, and `text` says why. */
void core_send_resolved(struct core *core, uint64_t session, uint32_t tag, lode_err err,
                        const struct core_function *function, const char *text);

#endif
