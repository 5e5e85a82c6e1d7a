/*
 * await.h: waiting for one id: the futex protocol of api/layout/index.h [4] around whatever the
 * caller tries (pinning an object, following a name).
 */
#ifndef LODE_CLIENT_AWAIT_H
#define LODE_CLIENT_AWAIT_H

#include "api/base/clock.h"
#include "api/client/session/handle.h"

/* LODE_EAGAIN: not there yet (no sentence). Anything else ends the wait and is its result. */
typedef lode_err (*lode_try_fn)(lode *db, void *arg);

/*
 * Tries, until it works, the store says that nothing will come, or the time is up. When it is, the
 * store is asked for the last time; with timeout 0 that is all. The try has failed with LODE_EAGAIN
 * before the first call.
 *
 * Errors  LODE_ETIMEDOUT, LODE_EGONE, LODE_EABORTED, LODE_EDOWN, or what the try gives; each with
 *         a sentence
 */
LODE_MUST_CHECK lode_err lode_await(lode *db, lode_id id, uint64_t hash, int64_t timeout_ms,
                                    lode_try_fn try_it, void *arg);

/*
 * How long a caller whose time is up at `deadline` waits for the store's last word: a store that is
 * stopped must not hold it for ever.
 */
static inline int64_t
lode_last_word(int64_t deadline)
{
    enum { LAST_WORD_NS = 1000000000 };
    return deadline < LODE_NEVER - LAST_WORD_NS ? deadline + LAST_WORD_NS : LODE_NEVER;
}

/*
 * For a wait whose time is up, and which may have been too short for a look: asks the hooks whether
 * it still makes sense (lode_hooks_pending()), unless another such wait of this session has asked
 * within the last 50 ms.
 */
LODE_MUST_CHECK lode_err lode_look_seldom(lode *db, lode_id id);

#endif
