#include "store/rings/ring.h"

#include "api/base/assert.h"
#include "api/base/fail.h"
#include "store/objects/lost.h"
#include "store/objects/status.h"
#include "store/rings/account.h"
#include "store/rings/ahead.h"
#include "store/rings/commit.h"
#include "store/rings/credit.h"
#include "store/rings/pairs.h"
#include "store/rings/part.h"
#include "store/objects/quota.h"
#include "store/state/answers.h"
#include "store/state/doze.h"
#include "store/state/file.h"
#include "store/waits/waits.h"

#include <string.h>

enum { SWEEP_RECORDS = 4096 }; /* of a part */

static lode_err
apply_put(struct store *store, struct session *session, const uint8_t *at, uint64_t left)
{
    struct ring_part *part = &store->scratch->parts[0];
    uint64_t size;
    uint32_t entry;
    LODE_TRY(part_read(at, left, part, &size));
    if (part->draft != 0 || lode_id_kind(part->desc.id) != LODE_ID_PUT ||
        lode_id_session(part->desc.id) != session->number) {
        return lode_fail_with(LODE_EPROTO, "a put by ring under an id that is not its session's");
    }
    if (!account_has(session, part->pages, 1)) {
        return lode_fail_with(LODE_EPROTO, "a put without credit");
    }
    bool known = table_find(&store->table, part->desc.id, &entry);
    bool taken = (known && entry_state(&store->table, entry) != LODE_ENTRY_EXPECTED) ||
                 (lode_id_is_reserved(part->desc.id) && status_was_made(store, part->desc.id));
    if (taken && !lode_id_is_reserved(part->desc.id)) {
        return lode_fail_with(LODE_EPROTO, "two puts under one id");
    }
    account_spend(store, session, part->pages, 1);
    if (taken) { /* two threads of the client made a reserved id at once: first wins */
        account_waste(store, part->pages, 1);
        return LODE_OK;
    }
    store->counts.created++;
    return part_make(store, session, part, known ? &entry : NULL);
}

/*
 * A client that takes more than its quota by records is cut: it sees in its row how near it is. It
 * cannot see that memory runs out for all, so it loses the reference then, and its next lode_keep()
 * says so. The drop that belongs to that reference must end nothing else.
 */
static lode_err
apply_take(struct store *store, struct session *session, lode_id id)
{
    lode_err err = quota_take(store, session, id);
    if (err == LODE_OK || quota_refuses(store, session, id)) {
        return err;
    }
    LODE_TRY(lost_note(session, id));
    atomic_fetch_add_explicit(&store->table.rows[session->row].refused, 1, memory_order_relaxed);
    return LODE_OK;
}

static lode_err
apply_drop(struct store *store, struct session *session, lode_id id)
{
    uint32_t entry;
    bool own = lode_id_session(id) == session->number;
    if (lost_drop(session, id)) {
        return LODE_OK;
    }
    if (!table_find(&store->table, id, &entry)) {
        if (own && lode_id_is_promised(id) && !status_was_made(store, id)) {
            /*
             * If there is no memory to note it, the object stays until the session ends. That cuts
             * nobody.
             */
            (void)status_note_dropped(store, id);
        }
        return LODE_OK;
    }
    ref_drop(&store->table, entry, session->row, own);
    return LODE_OK;
}

static lode_err
apply_id(struct store *store, struct session *session, uint16_t type, const uint8_t *at,
         uint64_t left)
{
    lode_id id;
    static const lode_id zero;
    if (left < sizeof id) {
        return lode_fail_with(LODE_EPROTO, "a record of type %u without an id", type);
    }
    memcpy(&id, at, sizeof id);
    RING_COPIED(id);
    if (lode_id_same(id, zero)) {
        return lode_fail_with(LODE_EPROTO, "a reference to the zero id");
    }
    return type == LODE_RECORD_TAKE ? apply_take(store, session, id)
                                    : apply_drop(store, session, id);
}

/*
 * Arms a wait. Whether the object is there already is asked later: that may drain other rings, and
 * no ring can be drained while this one is.
 */
static lode_err
apply_wait(struct store *store, struct session *session, const uint8_t *at, uint64_t left)
{
    struct lode_wait_record record;
    if (left < sizeof record) {
        return lode_fail_with(LODE_EPROTO, "a wait of %llu bytes", (unsigned long long)left);
    }
    memcpy(&record, at, sizeof record);
    RING_COPIED(record);
    if (record.cookie == 0) {
        return lode_fail_with(LODE_EPROTO, "a wait without a cookie");
    }
    store->counts.waits++;
    if (waits_arm_and_ask(store, session, record.id, record.cookie) != LODE_OK) {
        waits_refuse(store, record.id);
    }
    return LODE_OK;
}

static lode_err
apply(struct store *store, struct session *session, uint16_t type, const uint8_t *body,
      uint64_t left)
{
    switch (type) {
    case LODE_RECORD_PAD:
        return LODE_OK;
    case LODE_RECORD_TAKE:
    case LODE_RECORD_DROP:
        return apply_id(store, session, type, body, left);
    case LODE_RECORD_PUT:
        return apply_put(store, session, body, left);
    case LODE_RECORD_COMMIT:
        return commit_apply(store, session, body, left);
    case LODE_RECORD_WAIT:
        return apply_wait(store, session, body, left);
    default:
        return lode_fail_with(LODE_EPROTO, "a record of the unknown type %u", type);
    }
}

/*
 * Applies the record at *head, and moves *head behind it. LODE_EPROTO: its size cannot be believed.
 */
static lode_err
apply_at(struct store *store, struct session *session, uint64_t *head, uint64_t tail)
{
    const uint8_t *ring = session->file + LODE_RING_OFFSET;
    uint64_t at = *head & (session->ring_bytes - 1), left = file_ring_left(session, *head);
    struct lode_record record;
    if (left < sizeof record) {
        return lode_fail_with(LODE_EPROTO, "a record in a part of the ring that has no memory");
    }
    memcpy(&record, ring + at, sizeof record);
    RING_COPIED(record);
    bool is_pad = record.type == LODE_RECORD_PAD; /* nothing but its head is read */
    uint64_t most = is_pad ? session->ring_bytes - at : left;
    if (record.size < sizeof record || record.size % LODE_RECORD_ALIGN != 0 ||
        record.size > tail - *head || record.size > most ||
        (record.size > LODE_RECORD_MAX && !is_pad)) {
        return lode_fail_with(LODE_EPROTO, "a record of %u bytes, of %llu that are there",
                              record.size, (unsigned long long)(tail - *head));
    }
    lode_err err =
        apply(store, session, record.type, ring + at + sizeof record, record.size - sizeof record);
    if (err != LODE_EPROTO) {
        *head += record.size;
        store->counts.ring_records++;
    }
    return err;
}

/*
 * Applies all records. A record that is whole, but cannot be applied (there is no memory for a
 * reference, say), ends the session. The records behind it are applied all the same: one may be a
 * commit, for which others wait.
 */
static uint64_t
apply_all(struct store *store, struct session *session, uint64_t head, uint64_t tail)
{
    lode_err err = LODE_OK;
    struct ahead ahead;
    struct pairs pairs;
    ahead_begin(&ahead, &store->table, session, head, tail);
    pairs_begin(&pairs, store, session, head);
    while (head != tail && err != LODE_EPROTO && !session->broken) {
        ahead_go_on(&ahead, &store->table, head);
        if (pairs_skip(&pairs, head, tail)) {
            head += PAIRS_RECORD;
            store->counts.ring_records++;
            continue;
        }
        err = apply_at(store, session, &head, tail);
        if (err != LODE_OK && !session->broken) {
            session_cut(session, "%s", lode_last_error());
        }
    }
    if (session->broken) {
        session_cut(session, "its file was cut short");
    }
    return head;
}

/* No record ends behind this byte of the ring. */
static uint32_t
reach_of(const struct session *session)
{
    return lode_ring_reach(session->ring_backed, session->ring_bytes);
}

/*
 * How many bytes the records took between these positions. A PAD that led to the ring's beginning
 * took what it left of the reach: session.h [5].
 */
static uint64_t
used_between(const struct session *session, uint64_t head, uint64_t tail)
{
    uint64_t mask = session->ring_bytes - 1, at = head & mask, reach = reach_of(session);
    bool went_round = (head ^ tail) > mask;
    return went_round ? (at < reach ? reach - at : 0) + (tail & mask) : tail - head;
}

void
ring_drain(struct store *store, struct session *session)
{
    if (session->ended || session->left || session->cut || session->number == 0) {
        return;
    }
    const struct lode_session_header *header = (const struct lode_session_header *)session->file;
    uint64_t tail = atomic_load_explicit(&header->ring_tail, memory_order_acquire);
    uint64_t head = session->ring_head;
    uint64_t pages = session->pages_used, entries = session->entries_used;
    if (tail == head) {
        return;
    }
    if (tail - head > session->ring_bytes || tail % LODE_RECORD_ALIGN != 0) {
        session_cut(session, "its ring ends at %llu, %llu was applied", (unsigned long long)tail,
                    (unsigned long long)head);
        return;
    }
    store_set_now(store);
    doze_wake(store, session);
    doze_stir(session, store->table.now_ns);
    session->ring_head = apply_all(store, session, head, tail);
    session->ring_wants |= used_between(session, head, tail) >= reach_of(session) / 2;
    credit_after_drain(store, session, pages, entries);
}

bool
ring_meet_need(struct store *store, struct session *session)
{
    const struct lode_session_header *header = (const struct lode_session_header *)session->file;
    bool is_asked =
        atomic_load_explicit(&header->credit_waits, memory_order_relaxed) != 0 &&
        atomic_load_explicit(&header->ring_need, memory_order_relaxed) > reach_of(session);
    return (is_asked || session->ring_wants) && file_grow_ring(store, session);
}

void
ring_drain_all(struct store *store)
{
    doze_hear(store);
    for (uint32_t i = 0; i < store->awake_count; i++) {
        ring_drain(store, store->awake[i]);
    }
}

bool
ring_drain_part(struct store *store, struct session_walk *walk, uint32_t most)
{
    uint64_t end = store->counts.ring_records + most;
    if (walk->left > store->awake_count) {
        walk->left = store->awake_count;
    }
    while (walk->left > 0 && store->counts.ring_records < end) {
        ring_drain(store, store->awake[--walk->left]);
    }
    return walk->left == 0;
}

/* Begins behind the sweep that is under way, which has passed some rings. */
static bool
sweep_part(struct store *store, struct chore *chore)
{
    struct ring_sweep *sweep = (struct ring_sweep *)chore;
    return !chores_is_behind(chore, &store->sweeps[sweep == store->sweeps].chore) &&
           ring_drain_part(store, &sweep->walk, SWEEP_RECORDS);
}

bool
ring_sweep(struct store *store)
{
    doze_hear(store);
    struct session_walk walk = {.left = store->awake_count};
    struct ring_sweep *sweeps = store->sweeps, *sweep = &sweeps[sweeps[0].chore.is_given];
    if (ring_drain_part(store, &walk, SWEEP_RECORDS)) {
        return true;
    }
    if (sweeps[0].chore.is_given && sweeps[1].chore.is_given) {
        sweep = chores_is_behind(&sweeps[0].chore, &sweeps[1].chore) ? &sweeps[0] : &sweeps[1];
    }
    sweep->walk.left = store->awake_count; /* it has not begun, or is given now */
    chores_give(store, &sweep->chore, sweep_part);
    return false;
}

bool
ring_is_swept_for(const struct store *store, const struct chore *chore)
{
    return !chores_is_behind(chore, &store->sweeps[0].chore) &&
           !chores_is_behind(chore, &store->sweeps[1].chore);
}

void
ring_drain_makers(struct store *store)
{
    doze_hear_once(store);
    for (uint32_t i = 0; i < store->awake_count; i++) {
        if (store->awake[i]->flags & LODE_HELLO_MAKER) {
            ring_drain(store, store->awake[i]);
        }
    }
}
