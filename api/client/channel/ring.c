#include "api/client/channel/ring.h"

#include "api/base/assert.h"
#include "api/base/clock.h"
#include "api/base/fail.h"
#include "api/system/futex.h"

#include <stdlib.h>

enum { SLICE_NS = 1000000000, LOOK_NS = 100000000 };

struct lode_owed_drop {
    struct lode_owed_drop *next;
    lode_id id;
};

void
lode_ring_init(struct lode_ring *ring, struct lode_session_header *file,
               const struct lode_session_row *row, const struct lode_index_view *index,
               struct lode_store_calls *calls)
{
    *ring = (struct lode_ring){.bytes = (uint8_t *)file + LODE_RING_OFFSET,
                               .size = file->ring_bytes,
                               .shared_tail = &file->ring_tail,
                               .waits = &file->credit_waits,
                               .credit_need = &file->credit_need,
                               .ring_need = &file->ring_need,
                               .spending = &file->spending,
                               .row = row,
                               .session = file->session,
                               .rung_head = UINT64_MAX,
                               .rung_pages = UINT64_MAX,
                               .asked_pages = UINT64_MAX,
                               .index = index,
                               .calls = calls};
    lode_mutex_init(&ring->mu, LODE_LOCK_RING);
}

void
lode_ring_fini(struct lode_ring *ring)
{
    while (ring->owed != NULL) {
        struct lode_owed_drop *drop = ring->owed;
        ring->owed = drop->next;
        free(drop);
    }
    lode_mutex_fini(&ring->mu);
}

/* ---- room --------------------------------------------------------------------------------- */

static uint64_t
used_locked(const struct lode_ring *ring)
{
    return ring->tail - atomic_load_explicit(&ring->row->ring_head, memory_order_acquire);
}

/*
 * session.h [5]: true if records may end at `end`, counted from the ring's first byte. Only where
 * they may not is looked at how much of the ring has memory by now.
 */
static bool
is_in_reach_locked(struct lode_ring *ring, uint32_t end)
{
    if (__builtin_expect(end > ring->reach, 0)) {
        uint32_t backed = atomic_load_explicit(&ring->row->ring_backed, memory_order_acquire);
        if (lode_row_is_of(ring->row, ring->session)) { /* else it may be another one's by now */
            ring->reach = lode_ring_reach(backed, ring->size);
        }
    }
    return end <= ring->reach;
}

/* Bytes up to the ring's end; 0 if the record fits where the tail is. */
static uint32_t
pad_before_locked(struct lode_ring *ring, uint32_t size)
{
    uint32_t at = (uint32_t)(ring->tail & (ring->size - 1));
    return is_in_reach_locked(ring, at + size) ? 0 : ring->size - at;
}

static void
write_header(struct lode_ring *ring, enum lode_record_type type, uint32_t size)
{
    struct lode_record record = {.size = size, .type = (uint16_t)type};
    memcpy(ring->bytes + (ring->tail & (ring->size - 1)), &record, sizeof record);
}

/*
 * Skips the rest of the ring with a record of its own, so that a record lies in one piece, and in
 * memory. Even a large one fits once the store has caught up.
 */
static bool
make_room_locked(struct lode_ring *ring, uint32_t size)
{
    uint32_t pad = pad_before_locked(ring, size);
    if (pad > 0) {
        if (used_locked(ring) + pad > ring->size) {
            return false;
        }
        write_header(ring, LODE_RECORD_PAD, pad);
        ring->tail += pad;
        atomic_store_explicit(ring->shared_tail, ring->tail, memory_order_release);
    }
    return used_locked(ring) + size <= ring->size;
}

static uint64_t
credit_pages_locked(const struct lode_ring *ring)
{
    return atomic_load_explicit(&ring->row->credit_pages, memory_order_acquire) - ring->spent_pages;
}

static uint64_t
credit_entries_locked(const struct lode_ring *ring)
{
    return atomic_load_explicit(&ring->row->credit_entries, memory_order_acquire) -
           ring->spent_entries;
}

/*
 * session.h [4]: while the store recalls credit, a limit may lie below what is spent. That keeps no
 * drop waiting.
 */
static bool
has_credit_locked(const struct lode_ring *ring, const struct lode_ring_need *need)
{
    return (need->pages == 0 || (int64_t)(credit_pages_locked(ring) - need->pages) >= 0) &&
           (need->entries == 0 || (int64_t)(credit_entries_locked(ring) - need->entries) >= 0);
}

/*
 * session.h [4]: from here to end_spending_locked() the store takes back none of the credit that
 * this thread sees. The processor needs no fence here: the store's membarrier is one.
 */
static void
begin_spending_locked(struct lode_ring *ring)
{
    atomic_store_explicit(ring->spending, 1, memory_order_relaxed);
    atomic_signal_fence(memory_order_seq_cst);
}

/* The record is published, or will not be. */
static void
end_spending_locked(struct lode_ring *ring)
{
    atomic_store_explicit(ring->spending, 0, memory_order_release);
}

uint64_t
lode_ring_pages(struct lode_ring *ring)
{
    lode_mutex_lock(&ring->mu);
    uint64_t pages = credit_pages_locked(ring);
    lode_mutex_unlock(&ring->mu);
    return (int64_t)pages < 0 ? 0 : pages;
}

/*
 * True if nobody drains the ring any more: puts into it would go on succeeding for a while. That
 * the store has ended the session is seen at once. Whether the store lives is looked at now and
 * then.
 */
static bool
is_dead_locked(struct lode_ring *ring)
{
    if (!lode_row_is_of(ring->row, ring->session)) {
        atomic_store_explicit(&ring->calls->socket.down, true, memory_order_relaxed);
        return true;
    }
    struct timespec coarse;
    clock_gettime(CLOCK_MONOTONIC_COARSE, &coarse);
    uint64_t now = (uint64_t)coarse.tv_sec * 1000000000 + (uint64_t)coarse.tv_nsec;
    if (now - ring->looked_ns < LOOK_NS) {
        return atomic_load_explicit(&ring->calls->socket.down, memory_order_relaxed);
    }
    ring->looked_ns = now;
    return lode_store_is_dead(&ring->calls->socket);
}

/*
 * session.h [3] [5]: writes what this thread needs, and counts it as a waiter, before the kernel
 * compares credit_wake. Otherwise the store could grant it and wake nobody. `need` NULL: this
 * thread waits for room in the ring.
 */
static void
announce_wait_locked(struct lode_ring *ring, const struct lode_ring_need *need)
{
    uint32_t pages = need != NULL ? need->pages : 0, entries = need != NULL ? need->entries : 0;
    uint32_t bytes = need != NULL ? need->size : 0;
    if (atomic_load_explicit(ring->waits, memory_order_relaxed) > 0) {
        uint32_t others = atomic_load_explicit(ring->credit_need, memory_order_relaxed);
        uint32_t others_bytes = atomic_load_explicit(ring->ring_need, memory_order_relaxed);
        pages = pages > (others & 0xffff) ? pages : others & 0xffff;
        entries = entries > others >> 16 ? entries : others >> 16;
        bytes = bytes > others_bytes ? bytes : others_bytes;
    }
    atomic_store_explicit(ring->credit_need, pages | entries << 16, memory_order_relaxed);
    atomic_store_explicit(ring->ring_need, bytes, memory_order_relaxed);
    atomic_fetch_add_explicit(ring->waits, 1, memory_order_seq_cst);
}

/*
 * Whether a thread that will not sleep is to ask for credit: once for each limit that the store
 * shows, and again after a while. A store that had none to give remembers who has asked, but only
 * until it recalls the credit of all who spend none.
 */
static bool
must_ask_locked(struct lode_ring *ring)
{
    uint64_t limit = atomic_load_explicit(&ring->row->credit_pages, memory_order_relaxed);
    bool must = ring->asked_pages != limit || ring->asked_ns != ring->looked_ns;
    ring->asked_pages = limit;
    ring->asked_ns = ring->looked_ns;
    return must;
}

void
lode_ring_stand_in_line(struct lode_ring *ring, const struct lode_ring_need *need, bool sleeps)
{
    lode_mutex_lock(&ring->mu);
    announce_wait_locked(ring, need);
    bool asks = !sleeps && (!is_in_reach_locked(ring, need->size) || must_ask_locked(ring));
    lode_mutex_unlock(&ring->mu);
    if (asks) {
        lode_store_ring_bell(ring->calls);
    }
}

void
lode_ring_leave_line(struct lode_ring *ring)
{
    atomic_fetch_sub_explicit(ring->waits, 1, memory_order_relaxed);
}

/* Rings, and sleeps until the store has moved, a slice is over, or the deadline has come. */
static void
wait_for_store(struct lode_ring *ring, uint32_t seen, int64_t deadline)
{
    lode_store_ring_bell(ring->calls);
    int64_t left = deadline == LODE_NEVER ? SLICE_NS : deadline - lode_now_ns();
    if (left > 0) {
        lode_futex_wait(&ring->row->credit_wake, seen, left < SLICE_NS ? left : SLICE_NS);
    }
    atomic_fetch_sub_explicit(ring->waits, 1, memory_order_relaxed);
}

/* ---- owed drops --------------------------------------------------------------------------- */

void
lode_ring_owe(struct lode_ring *ring, lode_id id)
{
    struct lode_owed_drop *drop = malloc(sizeof *drop);
    if (drop == NULL) {
        return;
    }
    drop->id = id;
    lode_mutex_lock(&ring->mu);
    drop->next = ring->owed;
    ring->owed = drop;
    lode_mutex_unlock(&ring->mu);
}

/* Puts in as many of the owed drops as the ring has room for. */
static void
write_owed_locked(struct lode_ring *ring)
{
    uint64_t before = ring->tail;
    while (ring->owed != NULL && make_room_locked(ring, LODE_REFERENCE_BYTES)) {
        struct lode_owed_drop *drop = ring->owed;
        ring->owed = drop->next;
        write_header(ring, LODE_RECORD_DROP, LODE_REFERENCE_BYTES);
        memcpy(ring->bytes + (ring->tail & (ring->size - 1)) + sizeof(struct lode_record),
               &drop->id, sizeof drop->id);
        ring->tail += LODE_REFERENCE_BYTES;
        atomic_store_explicit(ring->shared_tail, ring->tail, memory_order_release);
        free(drop);
    }
    if (ring->tail != before) {
        lode_store_ring_bell(ring->calls);
    }
}

/* ---- reserving ---------------------------------------------------------------------------- */

/* Whether the store is to be rung for room. Once for each position of the store. */
static bool
must_ring_locked(struct lode_ring *ring)
{
    uint64_t head = atomic_load_explicit(&ring->row->ring_head, memory_order_acquire);
    bool must = ring->rung_head != head;
    ring->rung_head = head;
    return must;
}

lode_err
lode_ring_reserve(struct lode_ring *ring, enum lode_record_type type,
                  const struct lode_ring_need *need, const struct lode_patience *patience,
                  void **body_out)
{
    int64_t room_by = patience->answer_by;
    LODE_ASSERT(need->size <= LODE_RECORD_MAX);
    LODE_ASSERT(need->size % LODE_RECORD_ALIGN == 0);
    for (;;) {
        lode_mutex_lock(&ring->mu);
        /* Read before the conditions: a change after them wakes the sleep below at once. */
        uint32_t seen = atomic_load_explicit(&ring->row->credit_wake, memory_order_acquire);
        if (is_dead_locked(ring)) {
            lode_mutex_unlock(&ring->mu);
            return lode_store_down();
        }
        if (__builtin_expect(ring->owed != NULL, 0)) {
            write_owed_locked(ring);
        }
        begin_spending_locked(ring);
        bool has_credit = is_in_reach_locked(ring, need->size) && has_credit_locked(ring, need);
        if (has_credit && make_room_locked(ring, need->size)) {
            write_header(ring, type, need->size);
            *body_out = ring->bytes + (ring->tail & (ring->size - 1)) + sizeof(struct lode_record);
            return LODE_OK;
        }
        end_spending_locked(ring);
        if (has_credit && room_by < 0) {
            bool owes = room_by == LODE_ROOM_UNLESS_OWING && ring->owed != NULL;
            room_by = owes ? 0 : lode_answer_by();
        }
        int64_t until = has_credit ? room_by : patience->deadline;
        if (until != LODE_NEVER && lode_now_ns() >= until) {
            bool rings = has_credit && must_ring_locked(ring);
            lode_mutex_unlock(&ring->mu);
            if (rings) {
                lode_store_ring_bell(ring->calls);
            }
            return has_credit ? lode_store_late(&ring->calls->socket) : LODE_EAGAIN;
        }
        announce_wait_locked(ring, has_credit ? NULL : need);
        lode_mutex_unlock(&ring->mu);
        wait_for_store(ring, seen, until);
    }
}

/* ---- publishing --------------------------------------------------------------------------- */

/*
 * True if half of what can be used of the ring is used, or half of the credit: the store is rung
 * before all is. Once for each position and each grant of the store.
 */
static bool
wants_service_locked(struct lode_ring *ring)
{
    uint64_t limit = atomic_load_explicit(&ring->row->credit_pages, memory_order_acquire);
    bool wants = used_locked(ring) >= ring->reach / 2 && must_ring_locked(ring);
    if (ring->rung_pages != limit && limit > 0) { /* 0: it has had none, and asks for some */
        uint64_t left = limit > ring->spent_pages ? limit - ring->spent_pages : 0;
        if (left > ring->window_pages) {
            ring->window_pages = left;
        }
        if (left <= ring->window_pages / 2) {
            ring->rung_pages = limit;
            ring->window_pages = 0;
            wants = true;
        }
    }
    return wants;
}

/* index.h [8]: the same. A session that has ended has no bell to ring in vain. */
static bool
dozes(const struct lode_ring *ring)
{
    return atomic_load_explicit(&ring->row->session, memory_order_relaxed) != ring->session;
}

/* index.h [4] [6]: called after the tail was published and fenced. */
static bool
is_waited_for(const struct lode_ring *ring, const void *ids, uint32_t count, size_t stride)
{
    for (uint32_t i = 0; i < count; i++) {
        lode_id id;
        memcpy(&id, (const uint8_t *)ids + i * stride, sizeof id);
        if (lode_id_is_reserved(id) &&
            atomic_load_explicit(&ring->row->awaited, memory_order_relaxed) != 0) {
            return true;
        }
        const struct lode_wake *wake =
            lode_index_wake(ring->index, lode_id_hash(id, ring->index->hash_key));
        if (atomic_load_explicit(&wake->waited, memory_order_relaxed) != 0) {
            return true;
        }
    }
    return false;
}

/* The next record takes its place. Only a PAD in front of it may have moved the tail. */
void
lode_ring_cancel(struct lode_ring *ring)
{
    end_spending_locked(ring);
    bool service = wants_service_locked(ring);
    lode_mutex_unlock(&ring->mu);
    if (service) {
        lode_store_ring_bell(ring->calls);
    }
}

void
lode_ring_publish(struct lode_ring *ring, const struct lode_ring_need *need, const void *ids,
                  uint32_t count, size_t stride, bool urgent)
{
    lode_mutex_assert_held(&ring->mu);
    ring->tail += need->size;
    ring->spent_pages += need->pages;
    ring->spent_entries += need->entries;
    atomic_store_explicit(ring->shared_tail, ring->tail, memory_order_release);
    end_spending_locked(ring);
    uint64_t tail = ring->tail;
    bool service = wants_service_locked(ring);
    lode_mutex_unlock(&ring->mu);
    atomic_thread_fence(memory_order_seq_cst);
    if (urgent || service || dozes(ring) || is_waited_for(ring, ids, count, stride)) {
        lode_store_ring_bell(ring->calls);
        atomic_store_explicit(&ring->rung_tail, tail, memory_order_relaxed);
    }
}

void
lode_ring_bell(struct lode_ring *ring)
{
    lode_mutex_lock(&ring->mu);
    uint64_t tail = ring->tail;
    lode_mutex_unlock(&ring->mu);
    if (atomic_load_explicit(&ring->rung_tail, memory_order_relaxed) != tail) {
        lode_store_ring_bell(ring->calls);
        atomic_store_explicit(&ring->rung_tail, tail, memory_order_relaxed);
    }
}
