/*
 * await.h: waiting for one id. The caller gives a function that tries to pin an object, or to
 * follow a name. This has the futex protocol of api/layout/index.h [4] around it.
 */
#ifndef LODE_CLIENT_AWAIT_H
#define LODE_CLIENT_AWAIT_H

#include "api/client/session/handle.h"
#include "api/client/channel/patience.h"

/* LODE_EAGAIN: not there yet (no sentence). Anything else ends the wait and is its result. */
typedef lode_err (*lode_try_fn)(lode *db, void *arg);

/*
 * Tries until the try succeeds, the store says that nothing will come, or the time is up. At the
 * end the store is asked once more; with timeout 0 that is all that happens. The caller has tried
 * once before, with LODE_EAGAIN.
 *
 * Errors  LODE_EAGAIN (no sentence) the time is up, and it is not there; LODE_ETIMEDOUT the store
 *         has not answered, so nothing is known; LODE_EGONE, LODE_EABORTED, LODE_EDOWN, or what the
 *         try gives, each with a sentence
 */
LODE_MUST_CHECK lode_err lode_await(lode *db, lode_id id, uint64_t hash,
                                    const struct lode_patience *patience, lode_try_fn try_it,
                                    void *arg);

/*
 * The same for what is there already, and changes again and again: a name, whose versions are
 * awaited. That the store says "it is there" does not end the wait.
 *
 *   news_told  each try sets it. True: the store will tell the next change unasked (index.h [7])
 */
LODE_MUST_CHECK lode_err lode_await_news(lode *db, lode_id id, uint64_t hash,
                                         const struct lode_patience *patience, lode_try_fn try_it,
                                         void *arg, const bool *news_told);

/*
 * For a wait whose time is up, and which may have been too short for a look. Asks the hooks whether
 * the id can still come (lode_hooks_pending()), unless another such wait of this session has asked
 * within the last 50 ms.
 */
LODE_MUST_CHECK lode_err lode_look_seldom(lode *db, lode_id id);

#endif
