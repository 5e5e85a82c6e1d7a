#include "store/freeing/freeing.h"

#include "api/base/assert.h"
#include "api/base/clock.h"
#include "store/objects/own.h"
#include "store/rings/ring.h"
#include "store/state/pins.h"
#include "store/table/expected.h"
#include "store/table/names.h"

/*
 * Each batch drains all rings. It takes as many as a drain of full rings may bring, or candidates
 * would gather faster than they are freed.
 */
enum { BATCH_MAX = 4096 };

static void
mark_pinned(struct store *store, uint32_t entry, void *arg)
{
    (void)arg;
    if (store->table.truths[entry].flags & TRUTH_SCANNED) {
        store->table.truths[entry].flags |= TRUTH_PINNED;
    }
}

static uint32_t
doom(struct store *store, uint32_t *victims)
{
    struct table *table = &store->table;
    uint32_t entry, count = 0;
    for (int i = 0; i < BATCH_MAX && candidate_pop(table, &entry); i++) {
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
            victims[count++] = entry;
        }
    }
    return count;
}

/* Whether the scan found the entry pinned. */
static bool
end_scan(struct table *table, uint32_t entry)
{
    struct truth_entry *truth = &table->truths[entry];
    bool pinned = truth->flags & TRUTH_PINNED;
    truth->flags &= ~(uint32_t)(TRUTH_PINNED | TRUTH_SCANNED);
    return pinned;
}

/* Decides about one DOOMED entry. True: it is pinned, and WANTED now. */
static bool
judge(struct store *store, uint32_t entry)
{
    struct table *table = &store->table;
    struct truth_entry *truth = &table->truths[entry];
    bool pinned = end_scan(table, entry);
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

/*
 * A client that cleared its pin while the entry was DOOMED told nobody. So the pins of the entries
 * that became WANTED are looked at once more: an entry that is not pinned now is a candidate again.
 */
static void
look_again(struct store *store, const uint32_t *wanted, uint32_t count)
{
    for (uint32_t i = 0; i < count; i++) {
        store->table.truths[wanted[i]].flags |= TRUTH_SCANNED;
    }
    atomic_thread_fence(memory_order_seq_cst);
    pins_each(store, mark_pinned, NULL);
    for (uint32_t i = 0; i < count; i++) {
        if (!end_scan(&store->table, wanted[i])) {
            candidate_add(&store->table, wanted[i]);
        }
    }
}

static void
free_batch(struct store *store)
{
    uint32_t victims[BATCH_MAX], wanted = 0, count = doom(store, victims);
    if (count == 0) {
        return;
    }
    atomic_thread_fence(memory_order_seq_cst);
    pins_each(store, mark_pinned, NULL);
    ring_drain_all(store);
    candidates_to_front(&store->table, true);
    for (uint32_t i = 0; i < count; i++) {
        if (judge(store, victims[i])) {
            victims[wanted++] = victims[i];
        }
    }
    candidates_to_front(&store->table, false);
    if (wanted > 0) {
        look_again(store, victims, wanted);
    }
}

void
freeing_turn(struct store *store)
{
    if (store->table.candidate_count == 0) {
        return;
    }
    uint64_t mark = candidates_mark(&store->table);
    int64_t end = lode_now_ns() + STORE_TURN_NS;
    do {
        free_batch(store);
    } while (!candidates_reached(&store->table, mark) && lode_now_ns() < end);
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
