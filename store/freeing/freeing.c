#include "store/freeing/freeing.h"

#include "api/base/assert.h"
#include "api/base/clock.h"
#include "api/system/membarrier.h"
#include "store/objects/own.h"
#include "store/rings/ring.h"
#include "store/state/doze.h"
#include "store/state/pins.h"
#include "store/table/expected.h"
#include "store/table/names.h"

/*
 * What a batch does before it looks at the clock: pins, or objects, or records of rings, of which
 * one takes as long as some pins.
 */
enum { WORK_AT_ONCE = 4096, WORK_OF_RECORD = 8, WORK_OF_OBJECT = 16, JUDGED_AT_ONCE = 256 };

enum { FETCHED_FAR = 16, FETCHED_NEAR = 8 }; /* victims ahead */

static void
mark_pinned(struct store *store, uint32_t entry, void *arg)
{
    (void)arg;
    if (store->table.truths[entry].flags & TRUTH_SCANNED) {
        store->table.truths[entry].flags |= TRUTH_PINNED;
    }
}

/* Returns how many candidates it took. Some are no victims: they are freed at once, or stay. */
static uint32_t
doom(struct store *store, struct batch *batch)
{
    struct table *table = &store->table;
    uint32_t entry, taken = 0;
    batch->count = 0;
    for (; taken < STORE_BATCH_MAX && candidate_pop(table, &entry); taken++) {
        enum lode_entry_state state = entry_state(table, entry);
        if (expected_says_nothing(table, entry)) {
            own_free(store, entry, LODE_ENTRY_EXPECTED);
            continue;
        }
        /* The entry may have been freed since, and be another object's by now. */
        if (table->truths[entry].refs != 0 || name_is_bound(table, entry)) {
            continue;
        }
        if (state == LODE_ENTRY_EXPECTED) {
            own_forget_expected(store, entry);
        } else if (state == LODE_ENTRY_SEALED || state == LODE_ENTRY_WANTED) {
            object_become(table, entry, state, LODE_ENTRY_DOOMED);
            table->truths[entry].flags |= TRUTH_SCANNED;
            batch->victims[batch->count++] = entry;
        }
    }
    return taken;
}

/* Whether the scan found the entry pinned, or a dozing session had it pinned. */
static bool
end_scan(struct store *store, uint32_t entry)
{
    struct truth_entry *truth = &store->table.truths[entry];
    bool pinned = (truth->flags & TRUTH_PINNED) || doze_keeps(store, entry);
    truth->flags &= ~(uint32_t)(TRUTH_PINNED | TRUTH_SCANNED);
    return pinned;
}

/* Decides about one DOOMED entry. True: it is pinned, and WANTED now. */
static bool
judge(struct store *store, uint32_t entry)
{
    struct table *table = &store->table;
    struct truth_entry *truth = &table->truths[entry];
    bool pinned = end_scan(store, entry);
    if (entry_state(table, entry) != LODE_ENTRY_DOOMED) {
        return false; /* it was referred to while the rings were drained */
    }
    LODE_ASSERT(truth->refs == 0);
    if (pinned) {
        object_become(table, entry, LODE_ENTRY_DOOMED, LODE_ENTRY_WANTED);
        return true;
    }
    store->counts.freed += lode_id_kind(table->entries[entry].id) != LODE_ID_NAME;
    own_free(store, entry, LODE_ENTRY_DOOMED);
    return false;
}

/* The part of the pins that is next. True: that was the last one. */
static bool
scan_part(struct store *store, struct batch *batch, uint32_t *work)
{
    uint32_t left = WORK_AT_ONCE;
    bool is_over = pins_walk_part(store, &batch->walk, &left, mark_pinned, NULL);
    *work += WORK_AT_ONCE - left;
    return is_over;
}

static bool
drain_part(struct store *store, struct batch *batch, uint32_t *work)
{
    uint64_t before = store->counts.ring_records;
    bool is_over = ring_drain_part(store, &batch->walk, WORK_AT_ONCE / WORK_OF_RECORD);
    *work += (uint32_t)(store->counts.ring_records - before) * WORK_OF_RECORD;
    return is_over;
}

/*
 * Fetches what judge() will read of the victims that come next, which may lie anywhere: first their
 * entries, and then what these lead to. Otherwise each of these is a cache miss that is waited for.
 */
static void
fetch_ahead(const struct store *store, const struct batch *batch)
{
    uint32_t far = batch->judged + FETCHED_FAR, near = batch->judged + FETCHED_NEAR;
    if (far < batch->count) {
        object_prefetch(&store->table, batch->victims[far]);
    }
    if (near < batch->count) {
        object_prefetch_neighbours(&store->table, batch->victims[near]);
    }
}

static bool
judge_part(struct store *store, struct batch *batch, uint32_t *work)
{
    candidates_to_front(&store->table, true);
    for (int i = 0; i < JUDGED_AT_ONCE && batch->judged < batch->count; i++) {
        fetch_ahead(store, batch);
        uint32_t victim = batch->victims[batch->judged++];
        if (judge(store, victim)) {
            batch->victims[batch->wanted++] = victim;
        }
        *work += WORK_OF_OBJECT;
    }
    candidates_to_front(&store->table, false);
    return batch->judged == batch->count;
}

/* The part of the dozing sessions that is next. True: none keeps what is looked at again. */
static bool
wake_part(struct store *store, struct batch *batch, uint32_t *work)
{
    uint32_t left = WORK_AT_ONCE;
    bool is_over = doze_wake_keepers(store, &batch->keepers_left, &left);
    *work += WORK_AT_ONCE - left;
    return is_over;
}

static void
begin_scan(struct store *store, struct batch *batch, int phase)
{
    batch->phase = phase;
    atomic_thread_fence(memory_order_seq_cst);
    doze_hear(store);
    pins_walk_begin(store, &batch->walk);
}

static void
end_batch(struct store *store, struct batch *batch)
{
    batch->phase = BATCH_NONE;
    candidates_decide(&store->table);
    doze_settle(store);
}

/*
 * A client that cleared its pin while the entry was DOOMED told nobody. So the pins of the entries
 * that became WANTED are looked at once more: an entry that is not pinned now is a candidate again.
 * Before that each session that keeps one is woken, so that its pins are seen as they are: a walk
 * over all that keep something, in parts.
 */
static void
begin_to_wake(struct store *store, struct batch *batch)
{
    bool is_kept = false;
    for (uint32_t i = 0; i < batch->wanted; i++) {
        store->table.truths[batch->victims[i]].flags |= TRUTH_SCANNED;
        is_kept |= doze_keeps(store, batch->victims[i]);
    }
    batch->phase = BATCH_WAKE;
    batch->keepers_left = is_kept ? store->keeper_count : 0;
}

/*
 * Clients that do not fence when they release are fenced here: session.h [2]. Where the system
 * refuses that, it mostly did so when the store began, and no client was told to do without. If it
 * begins to refuse it later, no object is freed too early, but a release may go unheard. So all
 * that is WANTED is looked at again when memory is lacking: reclaim(). Once, unless the system
 * refuses it to that look as well.
 */
static void
look_again(struct store *store, struct batch *batch)
{
    if (store->fences_releases && !lode_membarrier_surely()) {
        store->releases_unheard = true;
    }
    begin_scan(store, batch, BATCH_LOOK_AGAIN);
}

static void
end_look(struct store *store, struct batch *batch)
{
    for (uint32_t i = 0; i < batch->wanted; i++) {
        if (!end_scan(store, batch->victims[i])) {
            candidate_add(&store->table, batch->victims[i]);
        }
    }
    end_batch(store, batch);
}

static void
begin_batch(struct store *store, struct batch *batch, uint32_t *work)
{
    *work += WORK_OF_OBJECT * doom(store, batch);
    batch->judged = batch->wanted = 0;
    if (batch->count > 0) {
        begin_scan(store, batch, BATCH_SCAN);
    } else {
        end_batch(store, batch);
    }
}

static void
go_on(struct store *store, struct batch *batch, uint32_t *work)
{
    switch (batch->phase) {
    case BATCH_NONE:
        begin_batch(store, batch, work);
        break;
    case BATCH_SCAN:
        if (scan_part(store, batch, work)) {
            doze_hear(store); /* a reference in place of a pin that the scan did not see any more */
            pins_walk_begin(store, &batch->walk);
            batch->phase = BATCH_DRAIN;
        }
        break;
    case BATCH_DRAIN:
        if (drain_part(store, batch, work)) {
            batch->phase = BATCH_JUDGE;
        }
        break;
    case BATCH_JUDGE:
        if (judge_part(store, batch, work)) {
            if (batch->wanted > 0) {
                begin_to_wake(store, batch);
            } else {
                end_batch(store, batch);
            }
        }
        break;
    case BATCH_WAKE:
        if (wake_part(store, batch, work)) {
            look_again(store, batch);
        }
        break;
    case BATCH_LOOK_AGAIN:
        if (scan_part(store, batch, work)) {
            end_look(store, batch);
        }
        break;
    }
}

bool
freeing_is_under_way(const struct store *store)
{
    return store->batch.phase != BATCH_NONE;
}

void
freeing_turn(struct store *store)
{
    struct batch *batch = &store->batch;
    uint32_t work = 0;
    if (store->table.candidate_count == 0 && !freeing_is_under_way(store)) {
        return;
    }
    uint64_t mark = candidates_mark(&store->table);
    int64_t end = store_turn_end(store);
    do {
        go_on(store, batch, &work);
        if (work >= WORK_AT_ONCE) {
            if (lode_now_ns() >= end) {
                return;
            }
            work = 0;
        }
    } while (freeing_is_under_way(store) ||
             (store->table.candidate_count > 0 && !candidates_reached(&store->table, mark)));
}

static bool
revisit_part(struct store *store, struct chore *chore)
{
    struct table_walk *walk = (struct table_walk *)chore;
    if (chores_is_behind(chore, &store->revisit[walk == store->revisit].chore)) {
        return false;
    }
    for (int i = 0; walk->next < walk->end; i++, walk->next++) {
        if (i == CHORE_LOOKS) {
            return false;
        }
        if (entry_state(&store->table, walk->next) == LODE_ENTRY_WANTED) {
            candidate_add(&store->table, walk->next);
        }
    }
    return true;
}

/*
 * A walk that has begun may have passed the entry already. One that has not serves this call, too.
 */
void
freeing_revisit(struct store *store)
{
    struct table_walk *walks = store->revisit, *walk = &walks[walks[0].chore.is_given];
    if (store->table.state_count[LODE_ENTRY_WANTED] == 0 ||
        (walks[0].chore.is_given && walks[0].next == 0) ||
        (walks[1].chore.is_given && walks[1].next == 0)) {
        return;
    }
    walk->next = 0;
    walk->end = store->table.entry_count;
    chores_give(store, &walk->chore, revisit_part);
}

void
freeing_released(struct store *store, uint32_t entry, uint64_t generation)
{
    if (entry < store->table.entry_count &&
        entry_word(&store->table, entry) == lode_word_make(generation, LODE_ENTRY_WANTED)) {
        candidate_add(&store->table, entry);
    }
}

static void
free_if_wanted(struct store *store, uint32_t entry, void *arg)
{
    (void)arg;
    if (entry_state(&store->table, entry) == LODE_ENTRY_WANTED) {
        candidate_add(&store->table, entry);
    }
}

/*
 * No scan sees the pins from the first part on. So an entry that is made a candidate here does not
 * become WANTED again because of a pin that a later part ends.
 */
bool
freeing_end_pins(struct store *store, struct session *session)
{
    session->pins_are_over = true;
    session->unpin_next =
        pins_each_from(store, session, session->unpin_next, CHORE_LOOKS, free_if_wanted, NULL);
    return session->unpin_next == 0;
}
