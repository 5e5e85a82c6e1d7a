/*
 * held.h: what the running task holds of this worker's session: references, views and drafts, as
 * the session's hooks tell of them. What is left when the task returns is ended for it.
 *
 * Everything is noted between held_begin() and held_end(). References that the worker itself takes
 * for calls are not noted.
 *
 * Threads  any, in the task; one lock. held_begin(), held_end(): the main thread
 */
#ifndef WORKER_RUNTIME_HELD_H
#define WORKER_RUNTIME_HELD_H

#include "api/base/lock.h"

#include <lode/object.h>
#include <stdatomic.h>

struct held_item;

struct held {
    struct lode_mutex mu;    /* WORKER_HELD */
    struct held_item *items; /* mu; by what it is and which */
    bool lost;               /* mu; there was no memory to note something */
    _Atomic bool active;
};

void held_init(struct held *held);
void held_fini(struct held *held);

void held_begin(struct held *held);

/*
 * Whether anything is noted. Main thread; other threads of the task may note more meanwhile.
 */
bool held_any(const struct held *held);

/*
 * Ends all that is left: releases views, aborts drafts, drops references.
 * Errors  LODE_ENOMEM  something could not be noted, and is not ended: the worker has to go, so
 *                      that the end of its session ends it
 */
LODE_MUST_CHECK lode_err held_end(struct held *held, lode *db);

/* The hooks (api/client/session/session.h); `held` is their argument. */
void held_referenced(void *held, lode_id id, int change);
void held_pinned(void *held, const lode_view *view, bool pinned);
void held_drafted(void *held, const lode_draft *draft, bool open);

#endif
