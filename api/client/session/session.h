/*
 * session.h: what liblode's other halves (the task client, the worker's runtime) may do with a
 * session beyond the public calls. The fields of `struct lode` are in handle.h.
 *
 * A session is one attachment to one store: a socket, a read-only map of the index, maps of the
 * segments, and its own session file. lode_close() ends it, or, if views still pin objects, the
 * last lode_release() does.
 */
#ifndef LODE_CLIENT_SESSION_H
#define LODE_CLIENT_SESSION_H

#include "api/base/paths.h"
#include "api/layout/id.h"

#include <lode/lode.h>

/*
 * Attaches to the store of the cluster at `paths`.
 *
 *   hello_flags  LODE_HELLO_… (api/wire/store_msg.h); a worker says LODE_HELLO_MAKER
 *   open_flags   LODE_OPEN_…
 *
 * Ownership  end it with lode_close()
 * Errors     as lode_open() of a given directory
 */
LODE_MUST_CHECK lode_err lode_session_attach(const struct lode_paths *paths, uint32_t hello_flags,
                                             uint32_t open_flags, lode **db_out);

/*
 * LODE_OK if the session can be used by this process at this moment: not NULL, not made before a
 * fork, its store not known to be dead. Each public call begins with it. Never blocks.
 * Errors  LODE_EINVAL, LODE_EFORKED, LODE_EDOWN
 */
LODE_MUST_CHECK lode_err lode_session_check(const lode *db);

uint64_t lode_session_number(const lode *db);
uint32_t lode_session_open_flags(const lode *db);
const struct lode_paths *lode_session_paths(const lode *db);

/* True once the store's socket has ended. Asks the socket; never blocks. */
bool lode_session_store_is_dead(lode *db);

/*
 * Draws `count` consecutive ids of kind put or result; the first one comes back. The session refers
 * to each from birth (drop what is not used). Any thread; no lock.
 */
lode_id lode_session_draw(lode *db, enum lode_id_kind kind, uint64_t count);

/*
 * Callbacks of the task client and of the worker's runtime; any of them may be NULL. Called
 * without locks of the store side.
 */
struct lode_session_hooks {
    void *arg;
    /* This thread is about to sleep in a get or a wait; later: it goes on. */
    void (*blocked)(void *arg, bool blocked);
    /* Once a second in a wait for `id`: another value than LODE_OK ends the wait with it (and with
     * the sentence that it set): the scheduler is gone, say. */
    lode_err (*pending)(void *arg, lode_id id);
    /* The session's references to `id` have changed: by +1 (put, seal, keep, name lookup) or -1
     * (drop). Not called for results that lode_session_draw() drew. */
    void (*referenced)(void *arg, lode_id id, int change);
    /* The session's pins have changed: a view came out of a get, or is about to be released. */
    void (*pinned)(void *arg, const lode_view *view, bool pinned);
    /* The session's drafts have changed: one was created, or is about to be sealed or aborted. Not
     * called for those of lode_result_draft(). */
    void (*drafted)(void *arg, const lode_draft *draft, bool open);
    /* lode_close() has begun; everything of the session still works. */
    void (*close)(void *arg);
    /* In the child after fork: close descriptors; no locks, no memory of other threads. */
    void (*forked)(void *arg);
    /* The handle goes (also in a child after fork, then `forked` was called before). */
    void (*destroy)(void *arg);
};

enum lode_hook_slot { LODE_HOOKS_TASKS = 0, LODE_HOOKS_WORKER = 1, LODE_HOOK_SLOTS };

/*
 * Installs hooks in an empty slot; `hooks` must live until its destroy was called.
 * Returns what is in the slot afterwards: another value than `hooks` if the slot was taken.
 */
const struct lode_session_hooks *lode_session_hook(lode *db, enum lode_hook_slot slot,
                                                   const struct lode_session_hooks *hooks);

/* What is in the slot; NULL: nothing. The task client finds itself by it. No lock. */
const struct lode_session_hooks *lode_session_hooks(const lode *db, enum lode_hook_slot slot);

/*
 * A draft without a name, for a result: lode_ring_commit() will name it, or lode_abort() ends it.
 *
 *   array  NULL: `size_bytes` of kind `kind` (blob, Python, error)
 *
 * Blocking, errors  as lode_create()
 */
LODE_MUST_CHECK lode_err lode_result_draft(lode *db, const lode_array *array, size_t size_bytes,
                                           lode_kind kind, int64_t timeout_ms,
                                           lode_draft *draft_out);

/* One result of one attempt of a task: a draft of this session, or a value that is copied. */
struct lode_result {
    lode_id id;
    lode_draft *draft;       /* NULL: a value; ended by the commit (zeroed), also when it fails */
    const lode_array *array; /* of a value; NULL: bytes of kind `kind` */
    lode_kind kind;
    const void *data; /* of a value */
    size_t size;
};

/*
 * Commits all results of one attempt in one step, first wins: if the first id is sealed already,
 * nothing changes. Small values ride in the ring; values too large for it are copied into drafts.
 * Published when it returns: whoever gets one of the ids finds it. Only for sessions that attached
 * as makers.
 *
 *   task  the scheduler's number, for diagnosis
 *
 * Blocking  up to timeout_ms for room in the ring, credit, or room for large values
 * Errors    LODE_EFULL, LODE_ETOOBIG; LODE_EDOWN; LODE_EINVAL
 */
LODE_MUST_CHECK lode_err lode_ring_commit(lode *db, uint64_t task, struct lode_result *results,
                                          uint32_t count, int64_t timeout_ms);

/* Tells the store to drain this session's ring now: a worker that runs out of tasks does. */
void lode_ring_doorbell(lode *db);

/* Maps and populates the bytes of an object that this process will soon read, if it is there. */
void lode_prefetch(lode *db, lode_id id);

/* Bytes of an object that is in the index at this moment; 0: it is not. A hint, and no more. */
uint64_t lode_session_size_hint(const lode *db, lode_id id);

/*
 * True if the object is sealed and in the index at this moment. No message, no lock: false says
 * nothing. is_error_out: it is of kind error; may be NULL.
 */
bool lode_session_sees(lode *db, lode_id id, bool *is_error_out);

#endif
