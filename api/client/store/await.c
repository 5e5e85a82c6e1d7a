#include "api/client/store/await.h"

#include "api/base/clock.h"
#include "api/base/fail.h"
#include "api/base/futex.h"

#include <sched.h>

/* The first slice is short: nothing has told this thread yet whether the store lives. */
enum { FIRST_SLICE_NS = 50000000, SLICE_NS = 1000000000, SEALED_TRIES = 1000 };

struct await {
    lode *db;
    lode_id id;
    const struct lode_wake *wake;
    lode_try_fn try_it;
    void *arg;
    uint64_t cookie; /* 0: the store has not been told that this thread waits */
    bool is_told;    /* index.h [6]: it need not be */
    int64_t slice_ns;
};

static lode_err
fail_gone(lode_id id, bool aborted)
{
    char text[LODE_ID_TEXT_SIZE];
    lode_id_format(id, text);
    if (aborted) {
        return lode_fail_with(LODE_EABORTED, "object %s was given up before it was sealed", text);
    }
    return lode_fail_with(LODE_EGONE,
                          "object %s is gone: nobody referred to it, it was given up, or its maker "
                          "has ended",
                          text);
}

static lode_err
fail_late(lode_id id, int64_t timeout_ms)
{
    char text[LODE_ID_TEXT_SIZE];
    lode_id_format(id, text);
    return lode_fail_with(LODE_ETIMEDOUT, "object %s was not there within %lld ms", text,
                          (long long)timeout_ms);
}

static lode_err
unwait(const struct await *a)
{
    struct lode_msg_lookup msg = {.head.type = LODE_MSG_UNWAIT, .id = a->id, .cookie = a->cookie};
    return lode_store_tell(&a->db->calls, &msg, sizeof msg);
}

/*
 * Asks the store what became of the id, and tries again where it is there. LODE_EAGAIN: it may
 * still come, and the wait is armed again (if there is one).
 */
static lode_err
ask(struct await *a)
{
    for (int i = 0; i < SEALED_TRIES; i++) {
        struct lode_msg_lookup msg = {
            .head.type = LODE_MSG_LOOKUP, .id = a->id, .cookie = a->cookie};
        struct lode_msg_found found;
        LODE_TRY(lode_store_ask_exactly(&a->db->calls, &msg.head, sizeof msg, LODE_MSG_FOUND,
                                        &found, sizeof found));
        switch (found.status) {
        case LODE_FOUND_SEALED:
            break;
        case LODE_FOUND_PENDING:
            return LODE_EAGAIN;
        case LODE_FOUND_ABORTED:
            return fail_gone(a->id, true);
        case LODE_FOUND_GONE:
            return fail_gone(a->id, false);
        default:
            return lode_fail_with(LODE_EPROTO, "the store gives an object the status %u",
                                  (unsigned)found.status);
        }
        a->cookie = 0; /* that answer ended the wait */
        lode_err err = a->try_it(a->db, a->arg);
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
    return lode_id_is_reserved(a->id) &&
           atomic_load_explicit(&row->session, memory_order_acquire) == maker &&
           atomic_load_explicit(&row->awaited, memory_order_acquire) != 0;
}

/* Read before each try: a seal after it changes the counter, and the next sleep ends at once. */
static uint32_t
read_counter(struct await *a)
{
    uint32_t seen = atomic_load_explicit(&a->wake->counter, memory_order_acquire);
    a->is_told = is_told_unasked(a); /* after the counter, and before the try */
    return seen;
}

/*
 * Sleeps for a slice; LODE_EAGAIN: go on. The counter is read anew before the store is asked: what
 * the store tells after its answer changes it once more, and the next sleep ends at once. After a
 * whole slice without a change the store is asked as well: a wake-up that is lost costs a slice.
 */
static lode_err
sleep_once(struct await *a, uint32_t *seen, int64_t deadline)
{
    int64_t slice = a->slice_ns, left = deadline == LODE_NEVER ? slice : deadline - lode_now_ns();
    a->slice_ns = SLICE_NS;
    if (left > 0) {
        lode_futex_wait(&a->wake->counter, *seen, left < slice ? left : slice);
    }
    uint32_t before = *seen;
    *seen = read_counter(a);
    if (*seen == before) {
        if (lode_store_is_dead(&a->db->calls)) {
            return lode_store_down();
        }
        LODE_TRY(lode_hooks_pending(&a->db->hooks, a->id));
    }
    lode_err err = a->try_it(a->db, a->arg);
    bool asks = *seen != before || left >= slice;
    return err == LODE_EAGAIN && asks ? ask(a) : err;
}

static lode_err
wait_for_it(struct await *a, int64_t deadline)
{
    uint32_t seen = read_counter(a);
    lode_err err = a->try_it(a->db, a->arg);
    while (err == LODE_EAGAIN) {
        if (deadline != LODE_NEVER && lode_now_ns() >= deadline) {
            return LODE_EAGAIN;
        }
        if (a->cookie == 0 && !a->is_told) {
            a->cookie = lode_store_cookie(&a->db->calls);
            LODE_TRY(lode_ring_wait(&a->db->ring, a->id, a->cookie));
        }
        err = sleep_once(a, &seen, deadline);
    }
    return err;
}

lode_err
lode_await(lode *db, lode_id id, uint64_t hash, int64_t timeout_ms, lode_try_fn try_it, void *arg)
{
    struct await a = {.db = db,
                      .id = id,
                      .wake = lode_index_wake(&db->index, hash),
                      .try_it = try_it,
                      .arg = arg,
                      .slice_ns = FIRST_SLICE_NS};
    if (timeout_ms == 0) {
        lode_err err = ask(&a);
        return err == LODE_EAGAIN ? fail_late(id, 0) : err;
    }
    lode_hooks_blocked(&db->hooks, true);
    lode_err err = wait_for_it(&a, lode_deadline(timeout_ms));
    lode_hooks_blocked(&db->hooks, false);
    if (err == LODE_EAGAIN) {
        err = fail_late(id, timeout_ms);
    }
    if (err != LODE_OK && err != LODE_EDOWN && a.cookie != 0 && unwait(&a) != LODE_OK) {
        return lode_store_down();
    }
    return err;
}
