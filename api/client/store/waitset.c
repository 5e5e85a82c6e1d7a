#include <lode/waitset.h>

#include "api/base/fail.h"
#include "api/client/channel/patience.h"
#include "api/client/channel/waiters.h"
#include "api/client/session/dependents.h"
#include "api/client/session/handle.h"
#include "api/client/session/process.h"
#include "api/client/session/session.h"
#include "api/client/store/await.h"
#include "api/client/store/idset.h"
#include "api/client/store/wait.h"
#include "api/client/store/waitset_fd.h"
#include "api/system/process_stat.h"

#include <stdlib.h>

/* A thread in lode_waitset_take(), which sleeps. */
struct taker {
    struct lode_watch watch; /* its cookie is 0: no notice is for it; done: something is ready */
    struct lode_waiter waiter;
    struct taker *next;
};

/*
 * A set is one watch of the store (WATCH), which the session has for the set's whole life. So
 * whichever thread reads the store's socket brings the set its notices.
 */
struct lode_waitset {
    struct lode_dependent dependent; /* first: a set is found back by it */
    struct lode_watch watch;
    struct lode_mutex changing; /* one change at a time: WATCH and UNWATCH of an id keep order */
    struct lode_idset ids;      /* calls.mu, as all below */
    struct taker *takers;
    uint32_t starved;              /* ids that the store had no memory for, since somebody looked */
    struct lode_msg_ready refused; /* one that met a limit since then; its status 0: none */
    bool was_left;                 /* the store still watches ids that the set awaits no more */
};

enum { LOOK_NS = 800000000 }; /* as in wait.c */

static struct lode_waitset *
set_of_watch(struct lode_watch *watch)
{
    return (struct lode_waitset *)((char *)watch - offsetof(struct lode_waitset, watch));
}

/* ---- what becomes ready ------------------------------------------------------------------- */

static void
wake_locked(struct lode_waitset *set, uint32_t most)
{
    for (struct taker *taker = set->takers; taker != NULL && most > 0; taker = taker->next) {
        if (!taker->watch.done) {
            taker->watch.done = true;
            lode_cond_signal(&taker->waiter.cond);
            most--;
        }
    }
}

/* Something of the set has changed: its descriptor and its takers follow. */
static void
follow_locked(struct lode_waitset *set)
{
    lode_waitset_fd_show(set->dependent.fds, set->ids.ready_count > 0);
    wake_locked(set, set->ids.count == 0 ? UINT32_MAX : set->ids.ready_count);
}

static void
notify(struct lode_watch *watch, const struct lode_msg_ready *ready, uint32_t count)
{
    struct lode_waitset *set = set_of_watch(watch);
    for (uint32_t i = 0; i < count; i++) {
        struct lode_msg_ready one;
        memcpy(&one, &ready[i], sizeof one);
        if (one.status != LODE_FOUND_REFUSED && one.status != LODE_FOUND_STARVED) {
            (void)lode_idset_ready(&set->ids, one.id);
        } else if (lode_idset_remove(&set->ids, one.id)) {
            set->refused = one.status == LODE_FOUND_REFUSED ? one : set->refused;
            set->starved += one.status == LODE_FOUND_STARVED;
        }
    }
    follow_locked(set);
}

/* ---- a set's life ------------------------------------------------------------------------- */

static lode_err
check(const char *call, const lode_waitset *set)
{
    LODE_NEED(call, set);
    if (set->dependent.db == NULL) {
        return lode_fail_with(LODE_ECLOSED, "%s: the session of the wait set is closed", call);
    }
    return lode_session_check(set->dependent.db);
}

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
    wake_locked(set, UINT32_MAX);
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
    set->watch.notify = notify;
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

/* ---- adding and removing ------------------------------------------------------------------ */

struct packet {
    struct lode_msg_watch head;
    lode_id ids[LODE_STORE_IDS_MAX];
};

static lode_err
ask(struct lode_waitset *set, struct packet *packet, uint8_t type, bool *sent_out)
{
    struct lode_store_calls *calls = &set->dependent.db->calls;
    struct lode_reply reply = {.type = LODE_MSG_OK, .answer_by = lode_answer_by()};
    size_t size = sizeof packet->head + packet->head.count * sizeof packet->ids[0];
    packet->head.head.type = type;
    packet->head.cookie = set->watch.cookie;
    lode_err err = lode_store_ask(calls, &packet->head.head, size, NULL, 0, &reply);
    *sent_out = reply.sent;
    return err;
}

static bool
is_there(lode *db, lode_id id)
{
    uint64_t word;
    const struct lode_entry *entry =
        lode_index_find(&db->index, id, lode_id_hash(id, db->index.hash_key), &word);
    return entry != NULL && lode_word_readable(word);
}

static lode_err
fail_full(void)
{
    return lode_fail_with(LODE_ELIMIT,
                          "a wait set has up to %d ids, and this one has them: take those that are "
                          "ready, remove others, or open a second set",
                          LODE_WAITSET_IDS_MAX);
}

/* What is there is ready at once. The others go into the packet. */
static lode_err
list_locked(struct lode_waitset *set, const lode_id *ids, size_t count, struct packet *packet)
{
    packet->head = (struct lode_msg_watch){.count = 0};
    LODE_TRY(lode_idset_reserve(&set->ids, (uint32_t)count));
    for (size_t i = 0; i < count; i++) {
        if (!lode_idset_add(&set->ids, ids[i])) {
            continue;
        }
        if (set->ids.count > LODE_WAITSET_IDS_MAX) {
            (void)lode_idset_remove(&set->ids, ids[i]);
            return fail_full();
        }
        if (is_there(set->dependent.db, ids[i])) {
            (void)lode_idset_ready(&set->ids, ids[i]);
        } else {
            packet->ids[packet->head.count++] = ids[i];
        }
    }
    return LODE_OK;
}

/* The store was not told of the ids in the packet. */
static void
unlist_locked(struct lode_waitset *set, const struct packet *packet)
{
    for (uint32_t i = 0; i < packet->head.count; i++) {
        (void)lode_idset_remove(&set->ids, packet->ids[i]);
    }
    follow_locked(set);
}

static lode_err
fail_unless_all(const struct lode_msg_ready *refused, uint32_t starved)
{
    if (refused->status == LODE_FOUND_REFUSED) {
        return lode_fail_refused(refused);
    }
    return starved > 0
               ? lode_fail_with(LODE_ENOMEM, "the store has no memory to wait for %u ids", starved)
               : LODE_OK;
}

/*
 * Notices of what the store refuses come before its OK. The OK also wakes a taker that reads the
 * socket, for what was ready at once. Where nothing is asked for, a nudge does.
 */
static lode_err
add_some(struct lode_waitset *set, const lode_id *ids, size_t count, struct packet *packet)
{
    struct lode_store_calls *calls = &set->dependent.db->calls;
    bool sent = true;
    lode_mutex_lock(&calls->mu);
    set->refused = (struct lode_msg_ready){.status = 0};
    set->starved = 0;
    lode_err listed = list_locked(set, ids, count, packet);
    follow_locked(set);
    bool nudge = set->takers != NULL && set->ids.ready_count > 0 && calls->has_leader;
    lode_mutex_unlock(&calls->mu);
    if (packet->head.count == 0) {
        if (nudge) {
            lode_store_nudge(calls);
        }
        return listed;
    }
    lode_err err = ask(set, packet, LODE_MSG_WATCH, &sent);
    lode_mutex_lock(&calls->mu);
    if (!sent) {
        unlist_locked(set, packet);
    }
    struct lode_msg_ready refused = set->refused;
    uint32_t starved = set->starved;
    lode_mutex_unlock(&calls->mu);
    LODE_TRY(err);
    LODE_TRY(fail_unless_all(&refused, starved));
    if (listed != LODE_OK) { /* said anew: the question may have had another sentence */
        return fail_full();
    }
    return LODE_OK;
}

static lode_err
remove_some(struct lode_waitset *set, const lode_id *ids, size_t count, struct packet *packet)
{
    struct lode_store_calls *calls = &set->dependent.db->calls;
    bool sent = true;
    packet->head = (struct lode_msg_watch){.count = 0};
    lode_mutex_lock(&calls->mu);
    for (size_t i = 0; i < count; i++) {
        if (lode_idset_remove(&set->ids, ids[i])) {
            packet->ids[packet->head.count++] = ids[i];
        }
    }
    follow_locked(set);
    lode_mutex_unlock(&calls->mu);
    lode_err err = packet->head.count > 0 ? ask(set, packet, LODE_MSG_UNWATCH, &sent) : LODE_OK;
    if (!sent) {
        packet->head.head.tag = 0;
        lode_store_owe(&calls->socket, packet,
                       sizeof packet->head + packet->head.count * sizeof packet->ids[0], 0);
    }
    return err;
}

typedef lode_err change_fn(struct lode_waitset *set, const lode_id *ids, size_t count,
                           struct packet *packet);

/* In parts of one packet each. */
static lode_err
change(struct lode_waitset *set, const lode_id *ids, size_t count, change_fn *some)
{
    struct packet *packet = malloc(sizeof *packet);
    lode_err err = LODE_OK;
    if (packet == NULL) {
        return lode_fail_with(LODE_ENOMEM, "no memory for %zu ids of a wait set", count);
    }
    lode_mutex_lock(&set->changing);
    for (size_t i = 0; i < count && err == LODE_OK; i += LODE_STORE_IDS_MAX) {
        size_t left = count - i;
        err = some(set, ids + i, left < LODE_STORE_IDS_MAX ? left : LODE_STORE_IDS_MAX, packet);
    }
    lode_mutex_unlock(&set->changing);
    free(packet);
    return err;
}

lode_err
lode_waitset_add(lode_waitset *set, const lode_id *ids, size_t count)
{
    LODE_TRY(check("lode_waitset_add", set));
    if (count > 0) {
        LODE_NEED("lode_waitset_add", ids);
    }
    for (size_t i = 0; i < count; i++) {
        if (lode_id_none(ids[i])) {
            return lode_fail_with(LODE_EINVAL, "lode_waitset_add: id %zu of %zu is zero", i, count);
        }
    }
    return change(set, ids, count, add_some);
}

lode_err
lode_waitset_remove(lode_waitset *set, const lode_id *ids, size_t count)
{
    LODE_TRY(check("lode_waitset_remove", set));
    if (count > 0) {
        LODE_NEED("lode_waitset_remove", ids);
    }
    return change(set, ids, count, remove_some);
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
        follow_locked(set);
        return LODE_OK;
    }
    return set->ids.count > 0 ? LODE_EAGAIN
                              : lode_fail_with(LODE_ENOTFOUND, "the wait set is empty");
}

static void
leave_locked(struct lode_waitset *set, struct taker *taker)
{
    struct taker **at = &set->takers;
    while (*at != taker) {
        at = &(*at)->next;
    }
    *at = taker->next;
    follow_locked(set); /* it may have been woken for what it does not take */
}

/* LODE_ETIMEDOUT, LODE_EDOWN: no sentence. */
static lode_err
sleep_locked(struct lode_waitset *set, int64_t deadline)
{
    struct lode_store_calls *calls = &set->dependent.db->calls;
    struct taker taker = {.next = set->takers}; /* the last one to come is warm */
    taker.waiter.watch = &taker.watch;
    lode_cond_init(&taker.waiter.cond);
    set->takers = &taker;
    /* It is looked at anew: the lock was free since the last look. */
    taker.watch.done = set->ids.ready_count > 0 || set->ids.count == 0;
    lode_err err = lode_waiter_await_locked(calls, &taker.waiter, deadline);
    lode_waiters_hand_over_locked(calls);
    leave_locked(set, &taker);
    lode_cond_fini(&taker.waiter.cond);
    return err;
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
    follow_locked(set);
    lode_mutex_unlock(&calls->mu);
    return LODE_OK;
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
    LODE_TRY(check("lode_waitset_take", set));
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
    LODE_TRY(check("lode_waitset_fd", set));
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
