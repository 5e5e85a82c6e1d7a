#include "api/base/clock.h"
#include "api/base/fail.h"
#include "api/client/session/session.h"
#include "api/client/store/await.h"

#include <stdlib.h>

/*
 * Waiting for many: what is in the index counts at once; the rest is watched: the store tells of
 * each id once. An id that occurs more than once is watched once and counts each time.
 */
struct many {
    struct lode_watch watch; /* first: a watch is found back by it */
    lode *db;
    const lode_id *ids;
    size_t count, want;
    size_t ready_count;
    bool *ready;
    uint32_t *table; /* by hash: 1 + the last index with an id; 0: empty */
    uint32_t *same;  /* 1 + the index before it with the same id; 0: none */
    size_t mask;     /* of the table */
};

enum { SLICE_NS = 1000000000 };

static uint64_t
hash_of(const struct many *m, lode_id id)
{
    return lode_id_hash(id, m->db->index.hash_key);
}

static bool
is_there(lode *db, lode_id id, uint64_t hash)
{
    uint64_t word;
    const struct lode_entry *entry = lode_index_find(&db->index, id, hash, &word);
    return entry != NULL && lode_word_readable(word);
}

static void
mark(struct many *m, size_t i)
{
    if (!m->ready[i]) {
        m->ready[i] = true;
        m->ready_count++;
    }
}

enum { SCAN_BATCH = 16 };

/* Each look is two misses of the cache: those of a batch are on their way together. */
static void
scan_batch(struct many *m, size_t first, size_t count)
{
    uint64_t hash[SCAN_BATCH];
    for (size_t i = 0; i < count; i++) {
        hash[i] = hash_of(m, m->ids[first + i]);
        lode_index_prefetch_slot(&m->db->index, hash[i]);
    }
    for (size_t i = 0; i < count; i++) {
        lode_index_prefetch_entry(&m->db->index, hash[i]);
    }
    for (size_t i = 0; i < count; i++) {
        if (is_there(m->db, m->ids[first + i], hash[i])) {
            mark(m, first + i);
        }
    }
}

/* No further than it must: who waits for one of a thousand at a time looks at a few, not at all. */
static void
scan(struct many *m)
{
    for (size_t i = 0; i < m->count && m->ready_count < m->want; i += SCAN_BATCH) {
        size_t left = m->count - i;
        scan_batch(m, i, left < SCAN_BATCH ? left : SCAN_BATCH);
    }
}

static lode_err
check_ids(const struct many *m)
{
    for (size_t i = 0; i < m->count; i++) {
        if (lode_id_is_zero(m->ids[i])) {
            return lode_fail_with(LODE_EINVAL, "lode_wait: id %zu of %zu is zero", i, m->count);
        }
    }
    return LODE_OK;
}

/* ---- ids that are missing ----------------------------------------------------------------- */

static uint32_t *
slot_of(const struct many *m, lode_id id)
{
    size_t at = hash_of(m, id) & m->mask;
    while (m->table[at] != 0 && !lode_id_same(m->ids[m->table[at] - 1], id)) {
        at = (at + 1) & m->mask;
    }
    return &m->table[at];
}

static lode_err
make_table(struct many *m)
{
    size_t size = 16;
    while (size < 2 * m->count) {
        size *= 2;
    }
    m->mask = size - 1;
    m->table = calloc(size, sizeof *m->table);
    m->same = calloc(m->count, sizeof *m->same);
    return m->table != NULL && m->same != NULL
               ? LODE_OK
               : lode_fail_with(LODE_ENOMEM, "no memory to wait for %zu objects", m->count);
}

static void
notify(struct lode_watch *watch, const struct lode_msg_ready *ready, uint32_t count)
{
    struct many *m = (struct many *)watch;
    for (uint32_t i = 0; i < count; i++) {
        struct lode_msg_ready one;
        memcpy(&one, &ready[i], sizeof one);
        for (uint32_t at = *slot_of(m, one.id); at != 0; at = m->same[at - 1]) {
            mark(m, at - 1);
        }
    }
    watch->done = m->ready_count >= m->want;
}

struct watch_packet {
    struct lode_msg_watch head;
    lode_id ids[LODE_STORE_IDS_MAX];
};

static lode_err
drain(lode *db)
{
    struct lode_msg_head msg = {.type = LODE_MSG_DRAIN};
    return lode_store_ask_exactly(&db->calls, &msg, sizeof msg, LODE_MSG_OK, NULL, 0);
}

/* After each full packet the notices that it brought at once are taken in, so that they do not
 * pile up on the store's side. */
static lode_err
send_watch(struct many *m, struct watch_packet *packet, bool more)
{
    size_t size = sizeof packet->head + packet->head.count * sizeof packet->ids[0];
    if (packet->head.count > 0) {
        LODE_TRY(lode_store_tell(&m->db->calls, packet, size));
    }
    packet->head.count = 0;
    return more ? drain(m->db) : LODE_OK;
}

/* The table is whole before the first packet goes: notices may come at any time after it. */
static uint32_t
list_missing(struct many *m)
{
    uint32_t last = 0;
    for (size_t i = 0; i < m->count; i++) {
        if (!m->ready[i]) {
            uint32_t *slot = slot_of(m, m->ids[i]);
            m->same[i] = *slot;
            *slot = (uint32_t)i + 1;
            last = (uint32_t)i + 1;
        }
    }
    return last;
}

static lode_err
send_watches(struct many *m, uint32_t end)
{
    struct watch_packet *packet = malloc(sizeof *packet);
    lode_err err = LODE_OK;
    if (packet == NULL) {
        return lode_fail_with(LODE_ENOMEM, "no memory to wait for %zu objects", m->count);
    }
    packet->head = (struct lode_msg_watch){.head.type = LODE_MSG_WATCH, .cookie = m->watch.cookie};
    for (uint32_t i = 0; i < end && err == LODE_OK; i++) {
        /* Only the last of those with the same id is in the table itself. */
        if (*slot_of(m, m->ids[i]) != i + 1) {
            continue;
        }
        packet->ids[packet->head.count++] = m->ids[i];
        if (packet->head.count == LODE_STORE_IDS_MAX) {
            err = send_watch(m, packet, true);
        }
    }
    if (err == LODE_OK) {
        err = send_watch(m, packet, false);
    }
    free(packet);
    return err;
}

/* When this has been answered, every notice for what is decided already has come before it. */
static lode_err
unwatch(struct many *m)
{
    struct lode_msg_watch msg = {.head.type = LODE_MSG_UNWATCH, .cookie = m->watch.cookie};
    return lode_store_ask_exactly(&m->db->calls, &msg.head, sizeof msg, LODE_MSG_OK, NULL, 0);
}

/*
 * The first id that is missing stands for all when the scheduler is asked whether it lives. What is
 * missing is marked by whoever reads the socket, under the calls' lock.
 */
static lode_err
ask_pending(struct many *m)
{
    size_t i = 0;
    lode_mutex_lock(&m->db->calls.mu);
    while (i < m->count && m->ready[i]) {
        i++;
    }
    lode_mutex_unlock(&m->db->calls.mu);
    return i < m->count ? lode_hooks_pending(&m->db->hooks, m->ids[i]) : LODE_OK;
}

static lode_err
sleep_until_done(struct many *m, struct lode_waiter *waiter, int64_t deadline)
{
    for (;;) {
        int64_t slice = lode_now_ns() + SLICE_NS;
        lode_err err =
            lode_store_watch_wait(&m->db->calls, waiter, slice < deadline ? slice : deadline);
        if (err != LODE_ETIMEDOUT) {
            return err;
        }
        if (lode_now_ns() >= deadline) {
            return LODE_OK;
        }
        LODE_TRY(ask_pending(m));
    }
}

static lode_err
watch(struct many *m, int64_t timeout_ms)
{
    struct lode_waiter waiter;
    lode_err err;
    LODE_TRY(make_table(m));
    uint32_t end = list_missing(m);
    m->watch.cookie = lode_store_cookie(&m->db->calls);
    m->watch.notify = notify;
    lode_store_watch_add(&m->db->calls, &waiter, &m->watch);
    err = send_watches(m, end);
    if (err == LODE_OK && timeout_ms != 0) {
        lode_hooks_blocked(&m->db->hooks, true);
        err = sleep_until_done(m, &waiter, lode_deadline(timeout_ms));
        lode_hooks_blocked(&m->db->hooks, false);
    }
    if (err != LODE_EDOWN) {
        lode_err ended = unwatch(m);
        err = err == LODE_OK ? ended : err;
    }
    lode_store_watch_remove(&m->db->calls, &waiter);
    return err;
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
    return is_there(db, one->id, one->hash) ? LODE_OK : LODE_EAGAIN;
}

/* Gone and given up are answers too: a get would not wait. */
static lode_err
wait_one(struct many *m, int64_t timeout_ms)
{
    struct one one = {m->ids[0], hash_of(m, m->ids[0])};
    lode_err err = lode_await(m->db, one.id, one.hash, timeout_ms, try_one, &one);
    if (err == LODE_OK || err == LODE_EGONE || err == LODE_EABORTED) {
        mark(m, 0);
        return LODE_OK;
    }
    return err == LODE_ETIMEDOUT ? LODE_OK : err;
}

static lode_err
wait_many(struct many *m, int64_t timeout_ms)
{
    LODE_TRY(check_ids(m));
    scan(m);
    if (m->ready_count >= m->want) {
        return LODE_OK;
    }
    LODE_TRY(m->count == 1 ? wait_one(m, timeout_ms) : watch(m, timeout_ms));
    return m->ready_count >= m->want
               ? LODE_OK
               : lode_fail_with(LODE_ETIMEDOUT, "%zu of %zu objects were there within %lld ms",
                                m->ready_count, m->want, (long long)timeout_ms);
}

lode_err
lode_wait(lode *db, const lode_id *ids, size_t count, size_t want, int64_t timeout_ms,
          bool *ready_out, size_t *ready_count_out)
{
    LODE_TRY(lode_session_check(db));
    if (count > 0) {
        LODE_NEED("lode_wait", ids);
    }
    if (want > count || count > UINT32_MAX / 4) {
        return lode_fail_with(LODE_EINVAL, "lode_wait: %zu of %zu objects are wanted", want, count);
    }
    struct many m = {.db = db, .ids = ids, .count = count, .want = want};
    m.ready = calloc(count + 1, sizeof *m.ready);
    if (m.ready == NULL) {
        return lode_fail_with(LODE_ENOMEM, "no memory to wait for %zu objects", count);
    }
    lode_err err = wait_many(&m, timeout_ms);
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
    return err;
}
