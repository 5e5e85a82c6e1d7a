#include "api/base/fail.h"
#include "api/client/session/session.h"
#include "api/client/store/await.h"
#include "api/client/store/many.h"
#include "api/client/store/wait.h"

#include <stdlib.h>

/*
 * Between two looks whether the scheduler lives, and whether the task is cancelled: a call in it
 * ends within a second after that.
 */
enum { LOOK_NS = 800000000 };

lode_err
lode_fail_refused(const struct lode_msg_ready *refused)
{
    char id[LODE_ID_TEXT_SIZE];
    if (refused->is_error == 0) {
        return lode_fail_with(LODE_ELIMIT,
                              "a session waits for up to %d ids at a time, all its calls and wait "
                              "sets together, and this would be more: wait for fewer at a time, or "
                              "open another session",
                              LODE_SESSION_WAITS_MAX);
    }
    lode_id_format(refused->id, id);
    return lode_fail_with(LODE_ELIMIT,
                          "up to %d threads and wait sets of a session wait for one object, and "
                          "for %s so many do: let some of them share a wait, or open another "
                          "session",
                          LODE_SESSION_WAITS_OF_ID_MAX, id);
}

static lode_err
check_ids(const struct lode_many *m)
{
    for (size_t i = 0; i < m->count; i++) {
        if (lode_id_none(m->ids[i])) {
            return lode_fail_with(LODE_EINVAL, "lode_wait: id %zu of %zu is zero", i, m->count);
        }
    }
    return LODE_OK;
}

/* ---- watches ------------------------------------------------------------------------------ */

static void
notify(struct lode_watch *watch, const struct lode_msg_ready *ready, uint32_t count)
{
    struct lode_many *m = (struct lode_many *)watch;
    for (uint32_t i = 0; i < count; i++) {
        struct lode_msg_ready one;
        memcpy(&one, &ready[i], sizeof one);
        switch (one.status) {
        case LODE_FOUND_REFUSED:
            m->is_refused = true;
            m->refused = one;
            break;
        case LODE_FOUND_STARVED:
            m->is_starved = true;
            m->is_behind |= lode_id_none(one.id);
            break;
        case LODE_FOUND_LOOK:
            m->must_look = true;
            break;
        default:
            lode_many_mark_all(m, one.id);
        }
    }
    watch->done = lode_many_is_done(m) || m->must_look;
}

struct watch_packet {
    struct lode_msg_watch head;
    lode_id ids[LODE_STORE_IDS_MAX];
};

static lode_err
send_watch(const struct lode_many *m, struct watch_packet *packet)
{
    size_t size = sizeof packet->head + packet->head.count * sizeof packet->ids[0];
    return packet->head.count > 0 ? lode_store_send(&m->db->calls.socket, packet, size, NULL, 0,
                                                    m->patience->answer_by)
                                  : LODE_OK;
}

/*
 * After some full packets this process waits for the store's answer, and so reads what the store
 * has sent. Each may have brought 2,048 notices at once, and the store cuts a session that does not
 * read its notices. After each would be too often: neither process would work while the other does.
 */
enum { ASK_AFTER = 8 };

static lode_err
send_full_watch(const struct lode_many *m, struct watch_packet *packet)
{
    lode_err err = lode_store_ask_exactly(&m->db->calls, &packet->head.head, sizeof *packet,
                                          LODE_MSG_OK, NULL, 0, m->patience->answer_by);
    packet->head.head.tag = 0;
    return err;
}

static lode_err
send_watches(struct lode_many *m)
{
    struct watch_packet *packet = malloc(sizeof *packet);
    lode_err err = LODE_OK;
    uint32_t full = 0;
    if (packet == NULL) {
        return lode_fail_with(LODE_ENOMEM, "no memory to wait for %zu objects", m->count);
    }
    packet->head = (struct lode_msg_watch){.head.type = LODE_MSG_WATCH, .cookie = m->watch.cookie};
    for (size_t i = 0, row = 0; i < m->end && err == LODE_OK; i++) {
        /* Of those with the same id only the first is sent. */
        if (lode_many_skip_row(m, &row, &i) || m->same[i] != LODE_MANY_ALONE ||
            (m->has_filter && lode_many_is_filtered(m, i))) {
            continue;
        }
        packet->ids[packet->head.count++] = m->ids[i];
        m->has_others = true;
        if (packet->head.count == LODE_STORE_IDS_MAX) {
            err = ++full % ASK_AFTER == 0 ? send_full_watch(m, packet) : send_watch(m, packet);
            packet->head.count = 0;
        }
    }
    err = err == LODE_OK ? send_watch(m, packet) : err;
    free(packet);
    return err;
}

/* ---- the wait ----------------------------------------------------------------------------- */

/*
 * Ends the watch. The store's answer comes behind all its notices. A store that is stopped is told
 * later. If the time is up, the store drains every ring before it answers: an object whose put has
 * returned counts, although nobody has told the store of it yet. What the filter watches comes by
 * no ring.
 */
static lode_err
unwatch(struct lode_many *m, bool late)
{
    struct lode_msg_watch msg = {
        .head.type = LODE_MSG_UNWATCH, .cookie = m->watch.cookie, .drain = late && m->has_others};
    struct lode_reply reply = {.type = LODE_MSG_OK, .answer_by = m->patience->answer_by};
    lode_err err = lode_store_ask(&m->db->calls, &msg.head, sizeof msg, NULL, 0, &reply);
    if (!reply.sent) {
        msg.head.tag = 0;
        lode_store_owe(&m->db->calls.socket, &msg, sizeof msg, 0);
    }
    return err;
}

/*
 * One of the results that are missing, and how many they are. Notices mark under the calls' lock.
 */
static size_t
missing_results(struct lode_many *m, lode_id *id_out)
{
    size_t count = 0;
    lode_mutex_lock(&m->db->calls.mu);
    for (size_t i = 0; i < m->count; i++) {
        if (!m->ready[i] && lode_id_kind(m->ids[i]) == LODE_ID_RESULT) {
            *id_out = m->ids[i];
            count++;
        }
    }
    lode_mutex_unlock(&m->db->calls.mu);
    return count;
}

/* They count as there: a get of them does not wait. */
static void
mark_results(struct lode_many *m)
{
    lode_mutex_lock(&m->db->calls.mu);
    for (size_t i = 0; i < m->count; i++) {
        if (lode_id_kind(m->ids[i]) == LODE_ID_RESULT) {
            lode_many_mark(m, i);
        }
    }
    m->watch.done |= lode_many_is_done(m);
    lode_mutex_unlock(&m->db->calls.mu);
}

/*
 * Asks whether the scheduler lives: when it has died no missing result will come. That is an error
 * if `want` objects cannot be there without them; else they are ready. `late`: the time is up.
 */
static lode_err
look(struct lode_many *m, bool late)
{
    lode_id id;
    size_t results = missing_results(m, &id);
    if (results == 0) {
        return LODE_OK;
    }
    lode_err err = late ? lode_look_seldom(m->db, id) : lode_hooks_pending(&m->db->hooks, id);
    if (err == LODE_OK || m->count - results < m->want) {
        return err;
    }
    if (err == LODE_EDOWN) {
        mark_results(m);
    }
    return LODE_OK;
}

/*
 * `*next_look`: the time of the next look, of the whole wait: what the store says in between moves
 * it not. LODE_ETIMEDOUT (no sentence): the time is up, and the wait is not done.
 */
static lode_err
sleep_until_done(struct lode_many *m, struct lode_waiter *waiter, int64_t *next_look)
{
    int64_t deadline = m->patience->deadline;
    for (;;) {
        int64_t now = lode_now_ns();
        bool late = now >= deadline;
        if (late) { /* it may be done already: this reads nothing, and sleeps not */
            lode_err err = lode_store_watch_wait(&m->db->calls, waiter, 0);
            if (err != LODE_ETIMEDOUT) {
                return err;
            }
        }
        if (late || now >= *next_look) {
            if (m->patience->timeout_ms != 0) { /* what does not sleep goes on when cancelled */
                LODE_TRY(lode_hooks_interrupted(&m->db->hooks));
            }
            LODE_TRY(look(m, late));
            *next_look = now + LOOK_NS;
        }
        if (late) {
            return LODE_ETIMEDOUT;
        }
        lode_err err = lode_store_watch_wait(&m->db->calls, waiter,
                                             *next_look < deadline ? *next_look : deadline);
        if (err != LODE_ETIMEDOUT) {
            return err;
        }
    }
}

/* The store may have lost what it should have told: then the index tells what else is there. */
static lode_err
sleep_on(struct lode_many *m, struct lode_waiter *waiter)
{
    int64_t next_look = lode_now_ns() + LOOK_NS;
    lode_err err = sleep_until_done(m, waiter, &next_look);
    while (err == LODE_OK && lode_many_must_look(m)) {
        LODE_TRY(lode_many_check_filter(m));
        err = sleep_until_done(m, waiter, &next_look);
    }
    return err;
}

static lode_err
watch_missing(struct lode_many *m, struct lode_waiter *waiter)
{
    int64_t timeout_ms = m->patience->timeout_ms;
    LODE_TRY(lode_many_watch_filter(m));
    LODE_TRY(send_watches(m));
    LODE_TRY(lode_many_check_rows(m));
    if (timeout_ms != 0) {
        LODE_TRY(lode_hooks_interrupted(&m->db->hooks));
        lode_hooks_blocked(&m->db->hooks, LODE_SLEEPS);
    }
    lode_err err = sleep_on(m, waiter);
    if (timeout_ms != 0) {
        lode_hooks_blocked(&m->db->hooks, LODE_AWAKE);
    }
    return err;
}

/*
 * What the store could not tell may be in the index: then it was told too little, but the wait has
 * what it wants.
 */
static lode_err
end_watch(struct lode_many *m, bool late)
{
    LODE_TRY(unwatch(m, late));
    bool must_look = m->is_behind || (late && lode_many_must_look(m));
    return must_look ? lode_many_check_filter(m) : LODE_OK;
}

/*
 * The caller sees by ready_count whether it was in time. rows_refused_out: nothing was waited for.
 */
static lode_err
watch_once(struct lode_many *m, bool *rows_refused_out)
{
    struct lode_waiter waiter;
    LODE_TRY(lode_many_list_missing(m));
    m->watch.cookie = lode_store_cookie(&m->db->calls);
    m->watch.notify = notify;
    lode_store_watch_add(&m->db->calls, &waiter, &m->watch);
    lode_err err = lode_many_watch_rows(m);
    *rows_refused_out = err == LODE_ELIMIT || err == LODE_ENOMEM;
    err = err == LODE_OK ? watch_missing(m, &waiter) : err;
    bool late = err == LODE_ETIMEDOUT;
    if (!atomic_load_explicit(&m->db->calls.socket.down, memory_order_relaxed)) {
        lode_err ended = end_watch(m, late);
        err = err == LODE_OK || late ? ended : err;
    }
    lode_store_watch_remove(&m->db->calls, &waiter);
    return err;
}

/* What the watch has told stays: it is not watched again. */
static void
begin_anew(struct lode_many *m)
{
    m->has_others = m->row_count > 0;
    m->has_table = m->has_promised = m->has_filter = false;
    m->is_behind = m->is_starved = m->must_look = m->watch.done = false;
    free(m->table);
    free(m->same);
    m->table = m->same = NULL;
}

/* If the store takes no rows, the ids are watched one by one. */
static lode_err
watch_rows_or_ids(struct lode_many *m)
{
    bool rows_refused;
    lode_err err = watch_once(m, &rows_refused);
    if (rows_refused && m->ready_count < m->want) {
        m->row_count = 0;
        begin_anew(m);
        err = watch_once(m, &rows_refused);
    }
    return err;
}

static bool
misses_chosen(const struct lode_many *m)
{
    for (size_t i = 0; i < m->count; i++) {
        if (!m->ready[i] && lode_id_kind(m->ids[i]) == LODE_ID_USER) {
            return true;
        }
    }
    return false;
}

/*
 * A filter that has gone while this process stood still is armed anew: what became of promised ids
 * in the meantime is known to the store. That a chosen one was given up is not.
 */
static lode_err
watch(struct lode_many *m)
{
    m->row_count = lode_rows_find(m->ids, m->count, m->rows);
    m->has_others = m->row_count > 0;
    lode_err err = watch_rows_or_ids(m);
    while (err == LODE_OK && m->is_behind && m->ready_count < m->want && !misses_chosen(m) &&
           lode_now_ns() < m->patience->deadline) {
        begin_anew(m);
        err = watch_rows_or_ids(m);
    }
    return err;
}

static lode_err
check_now(struct lode_many *m)
{
    lode_err err = lode_many_check_now(m);
    return err == LODE_OK && m->ready_count < m->want ? look(m, true) : err;
}

/* ---- one ---------------------------------------------------------------------------------- */

struct one {
    lode_id id;
    uint64_t hash;
};

static lode_err
try_one(lode *db, void *arg)
{
    const struct one *one = arg;
    return lode_is_there(db, one->id, one->hash) ? LODE_OK : LODE_EAGAIN;
}

/* An object that is gone or was aborted counts as there: a get of it would not wait either. */
static lode_err
wait_one(struct lode_many *m)
{
    struct one one = {m->ids[0], lode_many_hash(m, m->ids[0])};
    lode_err err = lode_await(m->db, one.id, one.hash, m->patience, try_one, &one);
    if (err == LODE_OK || err == LODE_EGONE || err == LODE_EABORTED) {
        lode_many_mark(m, 0);
        return LODE_OK;
    }
    return err == LODE_EAGAIN ? LODE_OK : err;
}

static lode_err
fail_late(const struct lode_many *m)
{
    return lode_fail_with(LODE_ETIMEDOUT, "%zu of %zu objects were there within %lld ms",
                          m->ready_count, m->want, (long long)m->patience->timeout_ms);
}

static lode_err
wait_many(struct lode_many *m)
{
    LODE_TRY(check_ids(m));
    lode_many_scan(m);
    if (m->ready_count >= m->want) {
        return LODE_OK;
    }
    lode_err err = m->count == 1                  ? wait_one(m)
                   : m->patience->timeout_ms == 0 ? check_now(m)
                                                  : watch(m);
    if (m->ready_count >= m->want) {
        return LODE_OK;
    }
    if (err == LODE_ETIMEDOUT && m->count - m->ready_count > LODE_SESSION_WAITS_MAX) {
        return fail_late(m); /* the store was kept busy by this: more than it takes */
    }
    LODE_TRY(err);
    if (m->is_refused) {
        return lode_fail_refused(&m->refused);
    }
    if (m->is_behind) {
        return lode_fail_with(LODE_ENOMEM,
                              "this process did not read for so long that the store told it no "
                              "more of %zu objects: wait again",
                              m->count);
    }
    if (m->is_starved) {
        return lode_fail_with(LODE_ENOMEM, "the store has no memory to wait for %zu objects",
                              m->count);
    }
    return fail_late(m);
}

lode_err
lode_wait_within(lode *db, const lode_id *ids, size_t count, size_t want,
                 const struct lode_patience *patience, bool *ready_out, size_t *ready_count_out)
{
    LODE_TRY(lode_session_check(db));
    if (count > 0) {
        LODE_NEED("lode_wait", ids);
    }
    if (want > count || count > UINT32_MAX / 4) {
        return lode_fail_with(LODE_EINVAL, "lode_wait: %zu of %zu objects are wanted", want, count);
    }
    struct lode_many m = {.db = db, .ids = ids, .count = count, .want = want, .patience = patience};
    m.ready = calloc(count + 1, sizeof *m.ready);
    if (m.ready == NULL) {
        return lode_fail_with(LODE_ENOMEM, "no memory to wait for %zu objects", count);
    }
    lode_err err = wait_many(&m);
    if (err == LODE_OK || err == LODE_ETIMEDOUT) {
        if (ready_out != NULL && count > 0) {
            memcpy(ready_out, m.ready, count * sizeof *m.ready);
        }
        if (ready_count_out != NULL) {
            *ready_count_out = m.ready_count;
        }
    }
    free(m.ready);
    free(m.table);
    free(m.same);
    free(m.spans);
    return err;
}

lode_err
lode_wait(lode *db, const lode_id *ids, size_t count, size_t want, int64_t timeout_ms,
          bool *ready_out, size_t *ready_count_out)
{
    struct lode_patience patience = lode_patience_of(timeout_ms);
    return lode_wait_within(db, ids, count, want, &patience, ready_out, ready_count_out);
}
