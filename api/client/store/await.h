/*
 * await.h: waiting for one id. The caller gives a function that tries to pin an object, or to
 * follow a name. This has the futex protocol of api/layout/index.h [4] around it.
 */
#ifndef LODE_CLIENT_AWAIT_H
#define LODE_CLIENT_AWAIT_H

#include "api/base/clock.h"
#include "api/client/session/handle.h"

/* LODE_EAGAIN: not there yet (no sentence). Anything else ends the wait and is its result. */
typedef lode_err (*lode_try_fn)(lode *db, void *arg);

/*
 * Tries until the try succeeds, the store says that nothing will come, or the time is up. At the
 * end the store is asked once more; with timeout 0 that is all that happens. The caller has tried
 * once before, with LODE_EAGAIN.
 *
 * Errors  LODE_ETIMEDOUT, LODE_EGONE, LODE_EABORTED, LODE_EDOWN, or what the try gives; each with
 *         a sentence
 */
LODE_MUST_CHECK lode_err lode_await(lode *db, lode_id id, uint64_t hash, int64_t timeout_ms,
                                    lode_try_fn try_it, void *arg);

/*
 * Until when a caller whose time is up at `deadline` waits for the store's last word. A store that
 * is stopped must not hold it for ever.
 */
static inline int64_t
lode_last_word(int64_t deadline)
{
    enum { LAST_WORD_NS = 1000000000 };
    return deadline < LODE_NEVER - LAST_WORD_NS ? deadline + LAST_WORD_NS : LODE_NEVER;
}

/*
 * For a wait whose time is up, and which may have been too short for a look. Asks the hooks whether
 * the id can still come (lode_hooks_pending()), unless another such wait of this session has asked
 * within the last 50 ms.
 */
LODE_MUST_CHECK lode_err lode_look_seldom(lode *db, lode_id id);

#endif
