#include "api/client/store/await.h"

#include "api/base/clock.h"
#include "api/base/fail.h"
#include "api/client/channel/ring_ids.h"
#include "api/system/futex.h"

#include <sched.h>

/*
 * A waiting thread looks now and then whether the store lives, and whether the process lives that
 * is to make the object. It looks by the clock: other ids share its wake bucket, and may wake it
 * thousands of times a second. The first look comes early, since this thread has not looked yet.
 */
enum { FIRST_LOOK_NS = 50000000, LOOK_NS = 1000000000, SEALED_TRIES = 1000 };

struct await {
    lode *db;
    lode_id id;
    const struct lode_wake *wake;
    lode_try_fn try_it;
    void *arg;
    uint64_t cookie; /* 0: the store has not been told that this thread waits */
    bool is_told;    /* index.h [6] [7]: it need not be */
    /* lode_await_news(): what the last try has found of that. NULL: there is an object to come. */
    const bool *news_told;
    int64_t next_look;
    int64_t answer_by; /* how long an answer of the store is waited for */
};

static lode_err
fail_gone(lode_id id, bool aborted)
{
    char text[LODE_ID_TEXT_SIZE];
    lode_id_format(id, text);
    if (aborted) {
        return lode_fail_with(LODE_EABORTED, "object %s was given up before it was sealed", text);
    }
    return lode_fail_with(
        LODE_EGONE,
        "object %s is gone: nobody referred to it, it was deleted or given up, or "
        "its maker has ended",
        text);
}

/* A store that is stopped may hear of it only later. */
static void
unwait(const struct await *a)
{
    struct lode_msg_lookup msg = {.head.type = LODE_MSG_UNWAIT, .id = a->id, .cookie = a->cookie};
    lode_store_owe(&a->db->calls.socket, &msg, sizeof msg, a->answer_by);
}

/*
 * Asks the store what became of the id, and tries again where it is there. LODE_EAGAIN: it may
 * still come, and the wait is armed again (if there is one). Every other answer ends the wait.
 */
static lode_err
ask(struct await *a)
{
    for (int i = 0; i < SEALED_TRIES; i++) {
        struct lode_msg_lookup msg = {
            .head.type = LODE_MSG_LOOKUP, .id = a->id, .cookie = a->cookie};
        struct lode_msg_found found;
        LODE_TRY(lode_store_ask_exactly(&a->db->calls, &msg.head, sizeof msg, LODE_MSG_FOUND,
                                        &found, sizeof found, a->answer_by));
        if (found.status == LODE_FOUND_PENDING) {
            return LODE_EAGAIN;
        }
        a->cookie = 0;
        switch (found.status) {
        case LODE_FOUND_SEALED:
            break;
        case LODE_FOUND_ABORTED:
            return fail_gone(a->id, true);
        case LODE_FOUND_GONE:
            return fail_gone(a->id, false);
        default:
            return lode_fail_with(LODE_EPROTO, "the store gives an object the status %u",
                                  (unsigned)found.status);
        }
        lode_err err = a->try_it(a->db, a->arg);
        if (a->news_told != NULL) {
            a->is_told = *a->news_told;
            return err;
        }
        if (err != LODE_EAGAIN) {
            return err;
        }
        sched_yield(); /* the store was just looking at it, or rewrites the table */
    }
    return lode_fail_with(LODE_EPROTO,
                          "the store says %d times that an object is there, and it "
                          "cannot be found",
                          SEALED_TRIES);
}

static bool
is_told_unasked(const struct await *a)
{
    uint64_t maker = lode_id_session(a->id);
    const struct lode_session_row *rows = (const void *)(a->db->index.base + LODE_ROWS_OFFSET);
    const struct lode_session_row *row = &rows[maker % LODE_SESSION_ROWS];
    return lode_id_is_reserved(a->id) && lode_row_is_of(row, maker) &&
           atomic_load_explicit(&row->awaited, memory_order_acquire) != 0;
}

/*
 * The counter is read before each try: a seal after it changes the counter, and the next sleep ends
 * at once. Whether that is told is read after the counter, and before the try or by it.
 */
static lode_err
try_now(struct await *a, uint32_t *seen_out)
{
    *seen_out = atomic_load_explicit(&a->wake->counter, memory_order_acquire);
    a->is_told = a->news_told == NULL && is_told_unasked(a);
    lode_err err = a->try_it(a->db, a->arg);
    a->is_told = a->news_told != NULL ? *a->news_told : a->is_told;
    return err;
}

lode_err
lode_look_seldom(lode *db, lode_id id)
{
    enum { SELDOM_NS = 50000000 };
    int64_t now = lode_now_ns();
    int64_t looked = atomic_load_explicit(&db->pending_looked_ns, memory_order_relaxed);
    if (lode_id_kind(id) != LODE_ID_RESULT || now - looked < SELDOM_NS ||
        !atomic_compare_exchange_strong(&db->pending_looked_ns, &looked, now)) {
        return LODE_OK;
    }
    return lode_hooks_pending(&db->hooks, id);
}

/* LODE_OK: the object may still come, as far as this process can see. */
static lode_err
look(struct await *a, int64_t now)
{
    a->next_look = now + LOOK_NS;
    LODE_TRY(lode_hooks_interrupted(&a->db->hooks));
    if (lode_store_is_dead(&a->db->calls.socket)) {
        return lode_store_down();
    }
    return lode_hooks_pending(&a->db->hooks, a->id);
}

/*
 * Sleeps until the bucket's counter changes, a look is due, or the time is up. Then it tries. If
 * the try finds nothing, it asks the store in two cases: after a change, which may have told of
 * this id's end, and after a look, since a wake-up may have been lost. The counter is read before
 * the store is asked. What the store tells after its answer changes the counter again, and the next
 * sleep ends at once. Of news that are told, the try has found all. LODE_EAGAIN: go on.
 */
static lode_err
sleep_once(struct await *a, uint32_t *seen, int64_t deadline)
{
    int64_t end = deadline < a->next_look ? deadline : a->next_look, now = lode_now_ns();
    if (now < end) {
        lode_futex_wait(&a->wake->counter, *seen, end - now);
    }
    uint32_t before = *seen;
    lode_err err = try_now(a, seen);
    if (err != LODE_EAGAIN) {
        return err;
    }
    now = lode_now_ns();
    bool looks = now >= a->next_look;
    if (looks) {
        LODE_TRY(look(a, now));
    }
    bool knows = a->news_told != NULL && a->is_told;
    return (looks || *seen != before) && !knows ? ask(a) : LODE_EAGAIN;
}

static lode_err
wait_for_it(struct await *a, int64_t deadline)
{
    uint32_t seen;
    lode_err err = try_now(a, &seen);
    while (err == LODE_EAGAIN && lode_now_ns() < deadline) {
        if (a->cookie == 0 && !a->is_told) {
            uint64_t cookie = lode_store_cookie(&a->db->calls);
            LODE_TRY(lode_ring_wait(&a->db->ring, a->id, cookie, a->answer_by));
            a->cookie = cookie;
        }
        err = sleep_once(a, &seen, deadline);
    }
    return err;
}

/* A caller that sleeps again and again, for less than a look each, must hear what it is told. */
static lode_err
sleep_till_the_end(struct await *a, int64_t deadline)
{
    lode_err err = wait_for_it(a, deadline);
    if (err == LODE_EAGAIN) {
        LODE_TRY(lode_hooks_interrupted(&a->db->hooks));
    }
    return err;
}

/*
 * The time is up. The object may lie in its maker's ring, where only the store finds it. The
 * process that was to make it may be dead. A caller that asks again and again, with little time
 * each, must hear of both.
 */
static lode_err
ask_at_the_end(struct await *a)
{
    lode_err err = ask(a);
    if (err == LODE_EAGAIN) {
        LODE_TRY(lode_look_seldom(a->db, a->id));
    }
    return err;
}

/* Tells the store that this thread waits no more, unless the store itself has ended the wait. */
static lode_err
take_back(const struct await *a, lode_err err)
{
    if (a->cookie != 0 && err != LODE_OK &&
        !atomic_load_explicit(&a->db->calls.socket.down, memory_order_relaxed)) {
        unwait(a);
        if (lode_store_is_dead(&a->db->calls.socket)) {
            return lode_store_down();
        }
    }
    return err;
}

lode_err
lode_await(lode *db, lode_id id, uint64_t hash, const struct lode_patience *patience,
           lode_try_fn try_it, void *arg)
{
    return lode_await_news(db, id, hash, patience, try_it, arg, NULL);
}

lode_err
lode_await_news(lode *db, lode_id id, uint64_t hash, const struct lode_patience *patience,
                lode_try_fn try_it, void *arg, const bool *news_told)
{
    struct await a = {.db = db,
                      .id = id,
                      .wake = lode_index_wake(&db->index, hash),
                      .try_it = try_it,
                      .arg = arg,
                      .news_told = news_told,
                      .next_look = lode_now_ns() + FIRST_LOOK_NS,
                      .answer_by = patience->answer_by};
    lode_err err = LODE_EAGAIN;
    if (patience->timeout_ms != 0) {
        LODE_TRY(lode_hooks_interrupted(&db->hooks));
        lode_hooks_blocked(&db->hooks, LODE_SLEEPS);
        err = sleep_till_the_end(&a, patience->deadline);
        lode_hooks_blocked(&db->hooks, LODE_AWAKE);
    }
    if (err == LODE_EAGAIN && !(news_told != NULL && a.is_told)) {
        err = ask_at_the_end(&a);
    }
    return take_back(&a, err);
}
