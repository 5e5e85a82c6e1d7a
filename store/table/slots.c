#include "store/table/slots.h"

#include "api/base/assert.h"
#include "store/table/table.h"

/*
 * Work for `next` with each id that is entered or removed. Slots are cleared by the page, which
 * costs a page fault each. An entry costs a cache miss or two.
 */
enum { CLEAR_AT_ONCE = 4096, COPY_AT_ONCE = 16, LOOK_AT_ONCE = 256 };

static _Atomic uint32_t *
slots_at(const struct table *table, uint64_t word)
{
    return (_Atomic uint32_t *)(table->index + lode_table_offset(word));
}

static uint32_t
value_of(const struct slots_region *region, uint64_t at)
{
    return atomic_load_explicit(&region->slot[at], memory_order_relaxed);
}

/* The slot that leads to the id; or, not found, the first one that a new id could use. */
static bool
probe(const struct table *table, const struct slots_region *region, lode_id id, uint64_t hash,
      uint64_t *slot_out)
{
    uint64_t at = hash & region->mask;
    uint64_t usable = UINT64_MAX;
    for (;; at = (at + 1) & region->mask) {
        uint32_t value = value_of(region, at);
        if (value == 0) {
            *slot_out = usable != UINT64_MAX ? usable : at;
            return false;
        }
        if (value == LODE_TABLE_TOMBSTONE) {
            usable = usable == UINT64_MAX ? at : usable;
        } else if (lode_slot_fits(value, hash) &&
                   lode_id_same(table->entries[lode_slot_entry(value)].id, id)) {
            *slot_out = at;
            return true;
        }
    }
}

/* ---- one region ---- */

static bool
enter(const struct table *table, struct slots_region *region, uint32_t entry, uint32_t *old_out)
{
    lode_id id = table->entries[entry].id;
    uint64_t hash = table_hash(table, id), at;
    bool is_there = probe(table, region, id, hash, &at);
    if (is_there) {
        *old_out = lode_slot_entry(value_of(region, at));
    } else {
        region->tombstones -= value_of(region, at) != 0;
        region->used++;
    }
    atomic_store_explicit(&region->slot[at], lode_slot_make(hash, entry), memory_order_release);
    return is_there;
}

/*
 * Makes the slot a tombstone. If the next slot is empty, this one and the tombstones before it lead
 * nowhere, and become empty.
 */
static void
clear_slot(struct slots_region *region, uint64_t at)
{
    uint64_t next = (at + 1) & region->mask;
    atomic_store_explicit(&region->slot[at], LODE_TABLE_TOMBSTONE, memory_order_relaxed);
    region->used--;
    region->tombstones++;
    if (value_of(region, next) != 0) {
        return;
    }
    while (value_of(region, at) == LODE_TABLE_TOMBSTONE) {
        atomic_store_explicit(&region->slot[at], 0, memory_order_relaxed);
        region->tombstones--;
        at = (at - 1) & region->mask;
    }
}

/* ---- the next region ---- */

static bool
takes_entries(const struct slots *slots)
{
    return slots->next.slot != NULL && slots->cleared > slots->next.mask;
}

/* In the other region of the present size, or in one of a greater size. */
static void
begin_next(struct table *table, uint32_t log2)
{
    struct slots *slots = &table->slots;
    uint64_t word = slots->now.word;
    uint32_t region = lode_table_log2(word) == log2 && slots->now.slot != NULL ? !(word & 1) : 0;
    uint64_t next = lode_table_make((word >> 16) + 1, log2, region);
    slots->next = (struct slots_region){
        .slot = slots_at(table, next), .mask = (UINT64_C(1) << log2) - 1, .word = next};
    slots->cleared = 0;
    slots->copied = 0;
}

static void
clear_some(struct slots *slots)
{
    for (int i = 0; i < CLEAR_AT_ONCE && slots->cleared <= slots->next.mask; i++) {
        atomic_store_explicit(&slots->next.slot[slots->cleared++], 0, memory_order_relaxed);
    }
}

static void
copy_some(struct table *table)
{
    struct slots *slots = &table->slots;
    int copied = 0;
    for (int i = 0; i < LOOK_AT_ONCE && copied < COPY_AT_ONCE; i++) {
        if (slots->copied == table->entry_count) {
            return;
        }
        uint32_t entry = slots->copied++, old;
        if (table->truths[entry].flags & TRUTH_IN_TABLE) {
            (void)enter(table, &slots->next, entry, &old); /* it may be in already */
            copied++;
        }
    }
}

static void
publish_next(struct table *table)
{
    struct slots *slots = &table->slots;
    slots->now = slots->next;
    slots->next.slot = NULL;
    atomic_store_explicit(&table->header->table, slots->now.word, memory_order_release);
}

static void
go_on(struct table *table)
{
    struct slots *slots = &table->slots;
    if (slots->next.slot == NULL) {
        return;
    }
    if (!takes_entries(slots)) {
        clear_some(slots);
        return;
    }
    copy_some(table);
    if (slots->copied == table->entry_count) {
        publish_next(table);
    }
}

void
slots_grow(struct table *table, uint32_t log2)
{
    struct slots *slots = &table->slots;
    const struct slots_region *newest = slots->next.slot != NULL ? &slots->next : &slots->now;
    if (newest->slot != NULL && newest->mask + 1 >= UINT64_C(1) << log2) {
        return;
    }
    bool is_first = slots->now.slot == NULL;
    begin_next(table, log2);
    while (is_first && slots->next.slot != NULL) { /* nothing is in it */
        go_on(table);
    }
}

/* ---- both ---- */

static bool
is_fuller_than(const struct slots_region *region, uint64_t eighths)
{
    return region->used + region->tombstones > (region->mask + 1) / 8 * eighths;
}

bool
slots_find(const struct table *table, lode_id id, uint32_t *entry_out)
{
    uint64_t at;
    if (!probe(table, &table->slots.now, id, table_hash(table, id), &at)) {
        return false;
    }
    *entry_out = lode_slot_entry(value_of(&table->slots.now, at));
    return true;
}

bool
slots_enter(struct table *table, uint32_t entry, uint32_t *old_out)
{
    struct slots *slots = &table->slots;
    uint32_t of_next;
    bool is_there = enter(table, &slots->now, entry, old_out);
    if (takes_entries(slots)) {
        (void)enter(table, &slots->next, entry, &of_next);
    }
    if (slots->next.slot == NULL && is_fuller_than(&slots->now, 6)) {
        begin_next(table, lode_table_log2(slots->now.word));
    }
    go_on(table);
    while (slots->next.slot != NULL && is_fuller_than(&slots->now, 7)) {
        go_on(table); /* entries were made, and few ids entered: the present one is small */
    }
    return is_there;
}

void
slots_remove(struct table *table, uint32_t entry)
{
    struct slots *slots = &table->slots;
    lode_id id = table->entries[entry].id;
    uint64_t hash = table_hash(table, id), at;
    LODE_ASSERT(probe(table, &slots->now, id, hash, &at));
    LODE_ASSERT(lode_slot_entry(value_of(&slots->now, at)) == entry);
    clear_slot(&slots->now, at);
    if (takes_entries(slots) && probe(table, &slots->next, id, hash, &at)) {
        clear_slot(&slots->next, at);
    }
    go_on(table);
}
