/*
 * set.h: what a wait set (lode/waitset.h) is: its ids, the threads that take from it, and one watch
 * of the store (WATCH), which the session has for the set's whole life. So whichever thread reads
 * the store's socket brings the set its notices. change.c adds and removes ids; waitset.c opens and
 * closes sets, and takes from them.
 *
 * Functions in `_locked` are called with calls.mu held.
 */
#ifndef LODE_CLIENT_WAITSET_SET_H
#define LODE_CLIENT_WAITSET_SET_H

#include <lode/waitset.h>

#include "api/client/session/handle.h"
#include "api/client/waitset/idset.h"
#include "api/client/waitset/takers.h"

struct lode_waitset {
    struct lode_dependent dependent; /* first: a set is found back by it */
    struct lode_watch watch;
    struct lode_mutex changing; /* one change at a time: WATCH and UNWATCH of an id keep order */
    struct lode_idset ids;      /* calls.mu, as all below */
    struct lode_taker *takers;
    uint32_t starved;              /* ids that the store had no memory for, since somebody looked */
    struct lode_msg_ready refused; /* one that met a limit since then; its status 0: none */
    bool was_left;                 /* the store still watches ids that the set awaits no more */
};

/* Whether `call` may use the set: its session is open, and is this process' own. */
LODE_MUST_CHECK lode_err lode_waitset_check(const char *call, const lode_waitset *set);

/* Something of the set has changed: its descriptor and its takers follow. */
void lode_waitset_follow_locked(struct lode_waitset *set);

/*
 * What the set's watch does with a notice: ids are ready, or the store has refused them. Is called
 * with calls.mu held.
 */
void lode_waitset_notify(struct lode_watch *watch, const struct lode_msg_ready *ready,
                         uint32_t count);

#endif
