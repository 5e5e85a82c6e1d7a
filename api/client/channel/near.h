/*
 * near.h: a guess where the entry of an id lies, from where the entries of its neighbours did.
 *
 * A get of what nobody got lately misses the cache twice, and the second miss waits for the first:
 * the table's slot says which entry it is. But objects that a session puts one after the other lie
 * in entries that follow each other, as long as the store's free entries do. So a session remembers
 * by how much the two numbers differ, for each 4,096 ids, and has the entry brought near while the
 * slot is still on its way.
 *
 * It is a hint to the processor and nothing else. A get believes the slot, and the id and the word
 * of the entry that the slot leads to. A wrong guess costs a cache line that nobody wants, so a
 * guess is only made where the last one would have been right.
 *
 * Threads: any; a cell that two of them write is wrong at worst.
 */
#ifndef LODE_CLIENT_NEAR_H
#define LODE_CLIENT_NEAR_H

#include "api/client/channel/index_reader.h"
#include "api/system/tricks.h"

enum {
    LODE_NEAR_CELLS = 512,
    LODE_NEAR_IDS = 4096,
    LODE_NEAR_FROM = 32768 /* entries: fewer of them stay in the cache */
};

struct lode_near {
    uint32_t from; /* LODE_NEAR_FROM, or more entries than there can be: no guesses */
    _Atomic uint32_t cell[LODE_NEAR_CELLS]; /* difference of entry and id << 1 | it was so twice */
};

static inline void
lode_near_init(struct lode_near *near)
{
    near->from = lode_trick_wanted(LODE_TRICK_NEAR) ? LODE_NEAR_FROM : UINT32_MAX;
}

static inline bool
lode_near_helps(const struct lode_near *near, const struct lode_index_view *index)
{
    return atomic_load_explicit(&index->header->entry_count, memory_order_relaxed) > near->from;
}

static inline _Atomic uint32_t *
lode_near_cell(struct lode_near *near, lode_id id)
{
    uint64_t high = lode_id_high(id);
    uint64_t at = lode_id_low(id) / LODE_NEAR_IDS + (high >> 15) * 61 + (high >> 62) * 257;
    return &near->cell[at % LODE_NEAR_CELLS];
}

/* False: no guess. */
static inline bool
lode_near_guess(struct lode_near *near, lode_id id, uint32_t *entry_out)
{
    uint32_t cell = atomic_load_explicit(lode_near_cell(near, id), memory_order_relaxed);
    *entry_out = ((cell >> 1) + (uint32_t)lode_id_low(id)) % LODE_ENTRY_MAX;
    return cell & 1;
}

static inline void
lode_near_prefetch(struct lode_near *near, const struct lode_index_view *index, lode_id id)
{
    uint32_t entry;
    if (lode_near_guess(near, id, &entry)) {
        __builtin_prefetch(&index->entries[entry]);
    }
}

/* The entry that the id was found in. */
static inline void
lode_near_note(struct lode_near *near, lode_id id, uint32_t entry)
{
    _Atomic uint32_t *at = lode_near_cell(near, id);
    uint32_t cell = atomic_load_explicit(at, memory_order_relaxed);
    uint32_t difference = (entry - (uint32_t)lode_id_low(id)) % LODE_ENTRY_MAX;
    uint32_t now = difference << 1 | (cell >> 1 == difference);
    if (now != cell) {
        atomic_store_explicit(at, now, memory_order_relaxed);
    }
}

#endif
