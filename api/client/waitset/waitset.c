/* A wait set's life, and taking from it. */
#include "api/base/fail.h"
#include "api/client/channel/patience.h"
#include "api/client/channel/waiters.h"
#include "api/client/session/dependents.h"
#include "api/client/session/process.h"
#include "api/client/session/session.h"
#include "api/client/store/await.h"
#include "api/client/waitset/set.h"
#include "api/client/waitset/waitset_fd.h"
#include "api/system/process_stat.h"

#include <stdlib.h>

enum { LOOK_NS = 800000000 }; /* as in wait.c */

/* ---- a set's life ------------------------------------------------------------------------- */

/* The store forgets what the set waits for; its answer is not waited for. */
static void
end(struct lode_dependent *dependent)
{
    struct lode_waitset *set = (struct lode_waitset *)dependent;
    struct lode_store_calls *calls = &dependent->db->calls;
    struct lode_msg_watch msg = {.head.type = LODE_MSG_UNWATCH, .cookie = set->watch.cookie};
    lode_mutex_lock(&calls->mu); /* a thread that a task has left may be looking at them */
    lode_watches_remove(&calls->watches, &set->watch);
    bool awaits = set->was_left || set->ids.count > set->ids.ready_count;
    lode_idset_clear(&set->ids);
    lode_takers_wake_locked(set->takers, UINT32_MAX);
    lode_mutex_unlock(&calls->mu);
    if (awaits && !atomic_load_explicit(&calls->socket.down, memory_order_relaxed)) {
        lode_store_owe(&calls->socket, &msg, sizeof msg, 0);
    }
}

lode_err
lode_waitset_open(lode *db, lode_waitset **set_out)
{
    LODE_TRY(lode_session_check(db));
    LODE_NEED("lode_waitset_open", set_out);
    struct lode_waitset *set = calloc(1, sizeof *set);
    if (set == NULL) {
        return lode_fail_with(LODE_ENOMEM, "no memory for a wait set");
    }
    lode_mutex_init(&set->changing, LODE_LOCK_WAITSET);
    set->ids.hash_key[0] = db->index.hash_key[0];
    set->ids.hash_key[1] = db->index.hash_key[1];
    set->watch.cookie = lode_store_cookie(&db->calls);
    set->watch.notify = lode_waitset_notify;
    set->dependent.end = end;
    lode_mutex_lock(&db->calls.mu);
    lode_watches_add(&db->calls.watches, &set->watch);
    lode_mutex_unlock(&db->calls.mu);
    lode_dependents_add(db, &set->dependent);
    *set_out = set;
    return LODE_OK;
}

void
lode_waitset_close(lode_waitset *set)
{
    lode *db = set != NULL ? set->dependent.db : NULL;
    if (set == NULL ||
        (db != NULL && atomic_load(&db->state) == LODE_SESSION_FORKED)) { /* handle.h */
        return;
    }
    if (db != NULL) {
        end(&set->dependent);
        lode_dependents_remove(&set->dependent);
    }
    lode_mutex_fini(&set->changing);
    free(set);
}

/* ---- taking ------------------------------------------------------------------------------- */

/* LODE_EAGAIN (no sentence): nothing is ready yet. */
static lode_err
take_locked(struct lode_waitset *set, lode_id *ids_out, size_t room, size_t *count_out)
{
    size_t count = 0;
    while (count < room && set->ids.ready_count > 0) {
        ids_out[count++] = lode_idset_take(&set->ids);
    }
    if (count > 0) {
        *count_out = count;
        lode_waitset_follow_locked(set);
        return LODE_OK;
    }
    return set->ids.count > 0 ? LODE_EAGAIN
                              : lode_fail_with(LODE_ENOTFOUND, "the wait set is empty");
}

/*
 * When the scheduler has died no result of a task will come. Other objects may: then the results
 * are ready, since a get of them does not wait.
 */
static lode_err
look(struct lode_waitset *set, bool seldom)
{
    lode *db = set->dependent.db;
    struct lode_store_calls *calls = &set->dependent.db->calls;
    lode_mutex_lock(&calls->mu);
    uint32_t results = set->ids.result_count, awaited = set->ids.count - set->ids.ready_count;
    lode_id id = results > 0 ? lode_idset_result(&set->ids) : (lode_id){{0}};
    lode_mutex_unlock(&calls->mu);
    if (results == 0) {
        return LODE_OK;
    }
    lode_err err = seldom ? lode_look_seldom(db, id) : lode_hooks_pending(&db->hooks, id);
    if (err != LODE_EDOWN || results == awaited) {
        return err;
    }
    lode_mutex_lock(&calls->mu);
    lode_idset_ready_results(&set->ids);
    set->was_left = true;
    lode_waitset_follow_locked(set);
    lode_mutex_unlock(&calls->mu);
    return LODE_OK;
}

/* LODE_ETIMEDOUT, LODE_EDOWN: no sentence. */
static lode_err
sleep_locked(struct lode_waitset *set, int64_t deadline)
{
    /* It is looked at anew: the lock was free since the last look. */
    bool is_woken = set->ids.ready_count > 0 || set->ids.count == 0;
    lode_err err =
        lode_takers_sleep_locked(&set->takers, &set->dependent.db->calls, is_woken, deadline);
    lode_waitset_follow_locked(set); /* it may have been woken for what it does not take */
    return err;
}

/* One sleep, and a look around if it was long. LODE_EAGAIN: go on. */
static lode_err
sleep_once(struct lode_waitset *set, int64_t deadline, lode_id *ids_out, size_t room,
           size_t *count_out)
{
    lode *db = set->dependent.db;
    int64_t next_look = lode_now_ns() + LOOK_NS;
    lode_mutex_lock(&db->calls.mu);
    lode_err slept = sleep_locked(set, next_look < deadline ? next_look : deadline);
    lode_err err = take_locked(set, ids_out, room, count_out);
    lode_mutex_unlock(&db->calls.mu);
    lode_waiters_undo_lates(&db->calls);
    if (err != LODE_EAGAIN || slept == LODE_OK) {
        return err;
    }
    if (slept == LODE_EDOWN) {
        return lode_store_down();
    }
    LODE_TRY(lode_hooks_interrupted(&db->hooks));
    LODE_TRY(look(set, false));
    return lode_now_ns() >= deadline ? LODE_ETIMEDOUT : LODE_EAGAIN;
}

static lode_err
sleep_until_ready(struct lode_waitset *set, int64_t deadline, lode_id *ids_out, size_t room,
                  size_t *count_out)
{
    const struct lode_hooks *hooks = &set->dependent.db->hooks;
    lode_err err;
    LODE_TRY(lode_hooks_interrupted(hooks));
    lode_hooks_blocked(hooks, LODE_SLEEPS);
    do {
        err = sleep_once(set, deadline, ids_out, room, count_out);
    } while (err == LODE_EAGAIN);
    lode_hooks_blocked(hooks, LODE_AWAKE);
    return err;
}

/* A program with a loop of its own never sleeps here: it learns of deaths by asking. */
static lode_err
look_around(struct lode_waitset *set)
{
    if (atomic_load_explicit(&set->dependent.db->calls.socket.down, memory_order_relaxed)) {
        return lode_store_down();
    }
    LODE_TRY(look(set, true));
    return LODE_EAGAIN;
}

/*
 * A taker asks the store nothing, so it would not notice that the store stands still. With timeout
 * 0 it does not look: a loop that asks again and again would pay for it each time.
 */
static lode_err
fail_late(const struct lode_waitset *set, int64_t timeout_ms)
{
    pid_t pid = set->dependent.db->calls.socket.pid;
    struct lode_process_stat store;
    bool stands = timeout_ms > 0 && lode_process_stat_read(pid, &store) &&
                  (store.state == 'T' || store.state == 't');
    if (stands) {
        return lode_fail_with(LODE_ETIMEDOUT,
                              "nothing of the wait set was ready within %lld ms: the store, "
                              "process %d, is stopped (SIGSTOP)",
                              (long long)timeout_ms, (int)pid);
    }
    return lode_fail_with(LODE_ETIMEDOUT, "nothing of the wait set was ready within %lld ms",
                          (long long)timeout_ms);
}

lode_err
lode_waitset_take(lode_waitset *set, int64_t timeout_ms, lode_id *ids_out, size_t room,
                  size_t *count_out)
{
    LODE_TRY(lode_waitset_check("lode_waitset_take", set));
    LODE_NEED("lode_waitset_take", ids_out);
    LODE_NEED("lode_waitset_take", count_out);
    if (room == 0) {
        return lode_fail_with(LODE_EINVAL, "lode_waitset_take: there is no room for an id");
    }
    struct lode_store_calls *calls = &set->dependent.db->calls;
    struct lode_patience patience = lode_patience_of(timeout_ms);
    lode_mutex_lock(&calls->mu);
    if (set->ids.ready_count == 0) {
        lode_waiters_read_locked(calls);
    }
    lode_err err = take_locked(set, ids_out, room, count_out);
    lode_mutex_unlock(&calls->mu);
    if (err == LODE_EAGAIN) {
        err = timeout_ms == 0 ? look_around(set)
                              : sleep_until_ready(set, patience.deadline, ids_out, room, count_out);
    }
    if (err == LODE_EAGAIN || err == LODE_ETIMEDOUT) { /* a look may have found some */
        lode_mutex_lock(&calls->mu);
        err = take_locked(set, ids_out, room, count_out);
        lode_mutex_unlock(&calls->mu);
    }
    return err == LODE_EAGAIN ? fail_late(set, timeout_ms) : err;
}

lode_err
lode_waitset_fd(lode_waitset *set, int *fd_out)
{
    LODE_TRY(lode_waitset_check("lode_waitset_fd", set));
    LODE_NEED("lode_waitset_fd", fd_out);
    struct lode_store_calls *calls = &set->dependent.db->calls;
    lode_process_lock();
    lode_mutex_lock(&calls->mu);
    lode_err err = lode_waitset_fd_open(set->dependent.fds, calls->socket.fd);
    lode_waitset_fd_show(set->dependent.fds, set->ids.ready_count > 0);
    lode_mutex_unlock(&calls->mu);
    lode_process_unlock();
    LODE_TRY(err);
    *fd_out = set->dependent.fds[0];
    return LODE_OK;
}
