/*
 * await.h: waiting for one id: the futex protocol of api/layout/index.h [4] around whatever the
 * caller tries (pinning an object, following a name).
 */
#ifndef LODE_CLIENT_AWAIT_H
#define LODE_CLIENT_AWAIT_H

#include "api/client/session/handle.h"

/* LODE_EAGAIN: not there yet (no sentence). Anything else ends the wait and is its result. */
typedef lode_err (*lode_try_fn)(lode *db, void *arg);

/*
 * Tries, until it works, the store says that nothing will come, or the time is up. With timeout 0
 * the store is asked once. The try has failed with LODE_EAGAIN before the first call.
 *
 * Errors  LODE_ETIMEDOUT, LODE_EGONE, LODE_EABORTED, LODE_EDOWN, or what the try gives; each with
 *         a sentence
 */
LODE_MUST_CHECK lode_err lode_await(lode *db, lode_id id, uint64_t hash, int64_t timeout_ms,
                                    lode_try_fn try_it, void *arg);

#endif
