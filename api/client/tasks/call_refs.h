/*
 * call_refs.h: the references that a call holds from its submission to its end, so that the caller
 * may drop its own at once.
 */
#ifndef LODE_CLIENT_CALL_REFS_H
#define LODE_CLIENT_CALL_REFS_H

#include <lode/object.h>

struct lode_tasks;

/*
 * Takes, or drops, references for a call. Not under tasks.mu: the session's ring may have to wait.
 * take: all of them, or none. Errors: LODE_EDOWN.
 */
LODE_MUST_CHECK lode_err lode_call_refs_take(struct lode_tasks *tasks, const lode_id *ids,
                                             size_t count);
void lode_call_refs_drop(lode *db, const lode_id *ids, size_t count);

/*
 * True while this thread takes or drops references of a call. A worker's hooks ask it: such a
 * reference is not one of the task that made the call.
 */
bool lode_call_refs_busy(void);

#endif
