/*
 * session.h: what liblode's other halves (the task client, the worker's runtime) may do with a
 * session beyond the public calls. The fields of `struct lode` are in handle.h.
 *
 * A session is one attachment to one store: a socket, a read-only map of the index, maps of the
 * segments, and its own session file. lode_session_close() ends it. If views still pin objects, the
 * last lode_release() does.
 */
#ifndef LODE_CLIENT_SESSION_H
#define LODE_CLIENT_SESSION_H

#include "api/cluster/paths.h"
#include "api/client/channel/hooks.h"
#include "api/layout/id.h"

#include <lode/lode.h>

/*
 * Attaches to the store of the cluster at `paths`.
 *
 *   hello_flags  LODE_HELLO_… (api/wire/store_msg.h); a worker says LODE_HELLO_MAKER
 *   open_flags   LODE_OPEN_…
 *
 * Ownership  end it with lode_session_close(), or with lode_close(), which calls it
 * Errors     as lode_open() of a given directory
 */
LODE_MUST_CHECK lode_err lode_session_attach(const struct lode_paths *paths, uint32_t hello_flags,
                                             uint32_t open_flags, lode **db_out);

/*
 * Closes the session: hooks, drafts and references end. Its memory goes at once, or with the last
 * view. False: the session is the parent process' (this is a child after fork), who keeps it.
 */
bool lode_session_close(lode *db);

struct lode_thread;

/*
 * The thread said in its `busy` that it is in the session; now it leaves. If the session is closed
 * and no pin is left, this frees the session. `self` may be NULL only while no other thread can be
 * in the session.
 */
void lode_session_leave(lode *db, struct lode_thread *self);

/*
 * LODE_OK if the session can be used by this process at this moment: not NULL, not made before a
 * fork, its store not known to be dead. Each public call begins with it. Never blocks.
 * Errors  LODE_EINVAL, LODE_EFORKED, LODE_EDOWN
 */
LODE_MUST_CHECK lode_err lode_session_check(const lode *db);

uint64_t lode_session_number(const lode *db);
uint32_t lode_session_open_flags(const lode *db);
const struct lode_paths *lode_session_paths(const lode *db);

/*
 * Draws `count` consecutive ids of kind put or result; the first one comes back. The session refers
 * to each from birth (drop what is not used). Any thread; no lock.
 */
lode_id lode_session_draw(lode *db, enum lode_id_kind kind, uint64_t count);

/* Gives back the ids that were drawn last. No other thread may draw ids of that kind meanwhile. */
void lode_session_draw_back(lode *db, enum lode_id_kind kind, uint64_t count);

/* lode_hooks_install() and lode_hooks_in() of this session's hooks. */
const struct lode_session_hooks *lode_session_hook(lode *db, enum lode_hook_slot slot,
                                                   const struct lode_session_hooks *hooks);
const struct lode_session_hooks *lode_session_hooks(const lode *db, enum lode_hook_slot slot);
const struct lode_hooks *lode_session_all_hooks(const lode *db);

/* Tells the store to drain this session's ring now: a worker that runs out of tasks does. */
void lode_ring_doorbell(lode *db);

/* LODE_EINVAL, with the sentence for a call that was given the zero id. */
lode_err lode_fail_zero_id(const char *call);

#endif
