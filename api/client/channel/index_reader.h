/*
 * index_reader.h: finding and pinning an entry of the index without a message, a lock or a system
 * call, exactly as api/layout/index.h [1] says.
 *
 * Everything here is inline and takes no session, so that the race tests run the very code that a
 * get runs. Pins are words of the caller's session file, which pin_slots.h hands out.
 */
#ifndef LODE_CLIENT_INDEX_READER_H
#define LODE_CLIENT_INDEX_READER_H

#include "api/layout/session.h"

struct lode_index_view {
    const uint8_t *base;
    const struct lode_index_header *header;
    const struct lode_entry *entries;
    const _Atomic uint64_t *row; /* the word `session` in the row of the reader's session */
    uint64_t hash_key[2];
};

static inline void
lode_index_view_init(struct lode_index_view *index, const void *base, uint32_t row)
{
    index->base = base;
    index->header = base;
    index->entries = (const void *)(index->base + LODE_ENTRIES_OFFSET);
    index->row = &((const struct lode_session_row *)(index->base + LODE_ROWS_OFFSET))[row].session;
    index->hash_key[0] = index->header->hash_key[0];
    index->hash_key[1] = index->header->hash_key[1];
}

static inline const struct lode_wake *
lode_index_wake(const struct lode_index_view *index, uint64_t hash)
{
    return (const struct lode_wake *)(index->base + LODE_WAKE_OFFSET) + lode_wake_bucket(hash);
}

/*
 * The store may be rewriting the id of a freed entry. So the id is read in whole words, and the
 * entry's word decides later whether they were one id.
 */
static inline bool
lode_index_id_is(const struct lode_entry *entry, lode_id id)
{
    const uint64_t *have = (const void *)entry->id.byte;
    uint64_t want[2];
    memcpy(want, id.byte, sizeof want);
    return __atomic_load_n(&have[0], __ATOMIC_RELAXED) == want[0] &&
           __atomic_load_n(&have[1], __ATOMIC_RELAXED) == want[1];
}

/*
 * The entry of an id, with its word from before the id was compared; NULL: none found, which is no
 * answer (index.h [3]).
 */
static inline const struct lode_entry *
lode_index_find(const struct lode_index_view *index, lode_id id, uint64_t hash, uint64_t *word_out)
{
    uint64_t table = atomic_load_explicit(&index->header->table, memory_order_acquire);
    const _Atomic uint32_t *slots = (const void *)(index->base + lode_table_offset(table));
    uint64_t size = UINT64_C(1) << lode_table_log2(table);
    uint32_t count = atomic_load_explicit(&index->header->entry_count, memory_order_acquire);
    for (uint64_t i = 0; i < size; i++) {
        uint32_t slot =
            atomic_load_explicit(&slots[lode_table_probe(table, hash, i)], memory_order_acquire);
        if (slot == 0) {
            return NULL;
        }
        if (!lode_slot_fits(slot, hash) || lode_slot_entry(slot) >= count) {
            continue; /* another id's, or a tombstone */
        }
        const struct lode_entry *entry = &index->entries[lode_slot_entry(slot)];
        uint64_t word = atomic_load_explicit(&entry->word, memory_order_acquire);
        if (lode_index_id_is(entry, id) && lode_word_state(word) != LODE_ENTRY_FREE) {
            *word_out = word;
            return entry;
        }
    }
    return NULL;
}

/*
 * For a caller that looks at many ids: brings the table's slot near, and a little later the entry.
 * The latter gives false if lode_index_find() would find nothing.
 */
static inline void
lode_index_prefetch_slot(const struct lode_index_view *index, uint64_t hash)
{
    uint64_t table = atomic_load_explicit(&index->header->table, memory_order_acquire);
    const uint32_t *slots = (const void *)(index->base + lode_table_offset(table));
    __builtin_prefetch(&slots[lode_table_probe(table, hash, 0)]);
}

static inline bool
lode_index_prefetch_entry(const struct lode_index_view *index, uint64_t hash)
{
    uint64_t table = atomic_load_explicit(&index->header->table, memory_order_acquire);
    const _Atomic uint32_t *slots = (const void *)(index->base + lode_table_offset(table));
    uint32_t slot =
        atomic_load_explicit(&slots[lode_table_probe(table, hash, 0)], memory_order_relaxed);
    if (slot != 0) {
        __builtin_prefetch(&index->entries[lode_slot_entry(slot)]); /* whichever: only a hint */
    }
    return slot != 0;
}

/*
 * Sets the pin before the word is read once more: the reader's half of H1. The other half: the
 * store marks the entry DOOMED, fences seq_cst, and reads the pins. The two words are a store and a
 * load that are both seq_cst, so no fence is needed between them: if the load sees the old word, it
 * stands before the store's fence in the one order of all that is seq_cst, and so does the pin, and
 * the store sees that. One instruction that stores and fences (xchg) costs less than two.
 *
 * A mutant for the race test leaves the order out.
 */
#ifdef LODE_MUTANT_NO_FENCE
#define LODE_PIN_ORDER memory_order_relaxed
#else
#define LODE_PIN_ORDER memory_order_seq_cst
#endif

/* A test makes the store come between two steps of a reader. */
#ifndef LODE_BETWEEN_STEPS
#define LODE_BETWEEN_STEPS() ((void)0)
#endif

/*
 * Pins an entry whose readable word was `word`, and reads the row of the reader's session. True: if
 * the row says that the session is there and awake, then until the pin is cleared the entry's
 * fields and bytes stay as they are. False: the entry has changed. The pin is still set, and
 * lode_index_give_up() clears it.
 *
 * The row is read between the pin and the word. Behind the pin: when the store ends a session, it
 * clears the row, fences, and looks at the pins once more (session.h [2]). Before the word: the
 * store may have freed the entry while the session dozed, without a look at this pin, and the
 * session may have been woken after that. A row that says that it is awake proves nothing then, but
 * the word has changed (index.h [8]).
 */
static inline __attribute__((always_inline)) bool
lode_index_pin(const struct lode_index_view *index, const struct lode_entry *entry, uint64_t word,
               _Atomic uint32_t *pin, uint64_t *row_out)
{
    atomic_store_explicit(pin, (uint32_t)(entry - index->entries) + 1, LODE_PIN_ORDER);
    LODE_BETWEEN_STEPS();
    *row_out = atomic_load_explicit(index->row, memory_order_seq_cst);
    LODE_BETWEEN_STEPS();
    return atomic_load_explicit(&entry->word, memory_order_seq_cst) == word;
}

/*
 * Clears a pin that did not hold, or does not count. True: the store has seen it all the same, and
 * waits for its end (RELEASED); `word_out` is the entry's word then. It may be that of another life
 * of the entry: a pin names the entry, and the store does not know which life was meant.
 *
 * Store and load are both seq_cst, as in lode_index_unpin().
 */
static inline bool
lode_index_give_up(const struct lode_entry *entry, _Atomic uint32_t *pin, uint64_t *word_out)
{
    atomic_store_explicit(pin, 0, memory_order_seq_cst);
    LODE_BETWEEN_STEPS();
    uint64_t word = atomic_load_explicit(&entry->word, memory_order_seq_cst);
    if (lode_word_state(word) != LODE_ENTRY_WANTED) {
        return false;
    }
    *word_out = word;
    return true;
}

/*
 * Clears a pin. True: the store wants to hear of it (RELEASED). session.h [2]
 *
 * Store and load are both seq_cst, as when pinning. The store marks the entry WANTED, fences, and
 * looks at the pins once more: if the load here sees the word from before, it stands before that
 * fence, and so does the cleared pin, and the store sees that. If `is_plain`, the store's fence is
 * a membarrier, and this side needs none: half of what a get and its release cost.
 */
static inline __attribute__((always_inline)) bool
lode_index_unpin(const struct lode_entry *entry, uint64_t generation, _Atomic uint32_t *pin,
                 bool is_plain)
{
    if (is_plain) {
        atomic_store_explicit(pin, 0, memory_order_release);
        atomic_signal_fence(memory_order_seq_cst);
    } else {
        atomic_store_explicit(pin, 0, memory_order_seq_cst);
    }
    uint64_t word = atomic_load_explicit(&entry->word, memory_order_seq_cst);
    return word == lode_word_make(generation, LODE_ENTRY_WANTED);
}

static inline void
lode_cpu_relax(void)
{
#if defined(__x86_64__)
    __builtin_ia32_pause();
#else
    atomic_signal_fence(memory_order_seq_cst);
#endif
}

enum lode_look {
    LODE_LOOK_PINNED = 1,
    LODE_LOOK_MISS = 2, /* not there, not sealed, or just being freed: ask the store */
    LODE_LOOK_OWED = 3  /* nothing is pinned; the store is owed RELEASED of entry and word */
};

enum { LODE_DOOMED_SPINS = 64 };

/*
 * Finds an id and pins it. An entry that the store is just looking at (DOOMED) is most often
 * spared: it is looked at again, a bounded number of times (H4). Where RELEASED is owed, the caller
 * says so first, and then looks again: the note would be lost behind what is found next.
 */
static inline enum lode_look
lode_index_look(const struct lode_index_view *index, lode_id id, uint64_t hash,
                _Atomic uint32_t *pin, const struct lode_entry **entry_out, uint64_t *word_out,
                uint64_t *row_out)
{
    for (int spin = 0; spin < LODE_DOOMED_SPINS; spin++) {
        uint64_t word;
        const struct lode_entry *entry = lode_index_find(index, id, hash, &word);
        if (entry == NULL) {
            return LODE_LOOK_MISS;
        }
        if (lode_word_readable(word)) {
            if (lode_index_pin(index, entry, word, pin, row_out)) {
                *entry_out = entry;
                *word_out = word;
                return LODE_LOOK_PINNED;
            }
            if (lode_index_give_up(entry, pin, word_out)) {
                *entry_out = entry;
                return LODE_LOOK_OWED;
            }
        } else if (lode_word_state(word) != LODE_ENTRY_DOOMED) {
            return LODE_LOOK_MISS;
        }
        lode_cpu_relax();
    }
    return LODE_LOOK_MISS;
}

/*
 * What lode_index_look() does in the common case: the first slot leads to the id, and it can be
 * pinned. A miss says nothing of the id here. It is small enough to stay in registers, with all of
 * a get.
 */
static inline __attribute__((always_inline)) enum lode_look
lode_index_look_first(const struct lode_index_view *index, lode_id id, uint64_t hash,
                      _Atomic uint32_t *pin, const struct lode_entry **entry_out,
                      uint64_t *word_out, uint64_t *row_out)
{
    uint64_t table = atomic_load_explicit(&index->header->table, memory_order_acquire);
    const _Atomic uint32_t *slots = (const void *)(index->base + lode_table_offset(table));
    uint32_t count = atomic_load_explicit(&index->header->entry_count, memory_order_acquire);
    uint32_t slot =
        atomic_load_explicit(&slots[lode_table_probe(table, hash, 0)], memory_order_acquire);
    if (!lode_slot_fits(slot, hash) || lode_slot_entry(slot) >= count) {
        return LODE_LOOK_MISS;
    }
    const struct lode_entry *entry = &index->entries[lode_slot_entry(slot)];
    uint64_t word = atomic_load_explicit(&entry->word, memory_order_acquire);
    *entry_out = entry;
    *word_out = word;
    if (!lode_index_id_is(entry, id) || !lode_word_readable(word)) {
        return LODE_LOOK_MISS;
    }
    if (__builtin_expect(lode_index_pin(index, entry, word, pin, row_out), 1)) {
        return LODE_LOOK_PINNED;
    }
    return lode_index_give_up(entry, pin, word_out) ? LODE_LOOK_OWED : LODE_LOOK_MISS;
}

#endif
