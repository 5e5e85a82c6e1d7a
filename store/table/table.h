/*
 * table.h: the index and the truth, as the store sees them, which alone writes them: the entries,
 * the hash table that leads to them, and object_become(), by which every entry changes its state.
 *
 * Ownership  a struct table is the caller's; files, mappings and lists are the table's
 * Threads    the loop thread only; clients read the index meanwhile (index.h)
 * Blocking   never; growing warms memory (fallocate of under 1 MiB)
 *
 * Entering an id cannot fail. Both regions of the hash table that has twice as many slots as there
 * are entries are warmed when entries grow (slots.h).
 */
#ifndef LODE_STORE_TABLE_TABLE_H
#define LODE_STORE_TABLE_TABLE_H

#include <lode/error.h>
#include "store/alloc/arena.h"
#include "store/table/slots.h"
#include "store/table/truth.h"

enum { TABLE_STEP = 4096 }; /* entries that are warmed at once */

/* Called by table_take() when there is no other entry. True: some are no longer set aside. */
typedef bool table_lack_fn(void *owner);

struct table {
    int index_fd, index_read_fd, truth_fd;
    uint8_t *index;
    uint8_t *truth;
    struct lode_index_header *header;
    struct lode_wake *wakes;
    struct lode_session_row *rows;
    struct lode_entry *entries;
    struct truth_header *facts;
    struct truth_row *truth_rows;
    struct truth_entry *truths;
    struct truth_ref *refs;
    struct truth_hold *holds;
    struct slots slots;
    uint32_t table_warm; /* log2 of the greatest size whose regions have memory */
    uint32_t entry_count;
    uint32_t entry_max;  /* LODE_ENTRY_MAX; less in tests */
    uint32_t free_first; /* entry + 1 */
    uint32_t free_count;
    uint32_t reserved; /* of free_count: promised to sessions as credit */
    uint32_t *names;   /* entries of kind name, dense */
    uint32_t name_count, name_room;
    uint64_t versions_ended; /* the greatest version of all names that have ended */
    /* Wake buckets of names that have ended and were told (index.h [7]): to be woken. */
    uint64_t told_ended[LODE_WAKE_BUCKETS / 64];
    bool any_told_ended;
    uint64_t state_count[8]; /* entries in each state */
    /* Entries that may be freed, by candidate_next, oldest first: entry + 1; 0: none. */
    uint32_t candidate_first, candidate_last;
    uint32_t candidate_count;
    uint32_t candidate_front;    /* of them in front of all others, see candidates_to_front() */
    uint64_t candidates_taken;   /* so far, those in front not counted */
    uint64_t candidates_decided; /* of those taken, so many are no longer looked at */
    bool candidates_go_to_front;
    struct arena *arena;     /* where extents come from; the caller's */
    uint32_t spare_pages;    /* credit that the store keeps for its own: names, errors */
    uint32_t spare_entries;  /* of `reserved`: the same, for errors */
    uint32_t refs_free;      /* records of references that have memory, and are free */
    uint32_t refs_failed_at; /* refs_free when there was last no memory for more */
    bool refs_are_scarce, entries_are_scarce; /* and not enough are free again: said in the index */
    int64_t now_ns;         /* CLOCK_MONOTONIC, read once for all that one event makes */
    const char *dir;        /* where the files are; the caller's, stays */
    table_lack_fn *on_lack; /* NULL: none */
    void *on_lack_owner;
};

/*
 * Makes a fresh index and truth in `dir` (files of that name are replaced).
 *
 *   generation  tells this store's index from others
 *   arena       where extents come from; outlives the table
 *
 * Errors  LODE_EFULL the tmpfs is full, LODE_ESYS, LODE_ENOMEM, LODE_EDENIED
 */
LODE_MUST_CHECK lode_err table_open(const char *dir, uint64_t generation, struct arena *arena,
                                    struct table *table_out);

void table_on_lack(struct table *table, table_lack_fn *on_lack, void *owner);

/* Unmaps and closes; with `remove` unlinks both files. */
void table_close(struct table *table, bool remove);

/* The entry of an id. False: none. */
bool table_find(const struct table *table, lode_id id, uint32_t *entry_out);

/*
 * Takes a FREE entry for an id that is not in the table and enters it, still FREE; the zero id is
 * not entered. With `spend`, one of the reserved entries is used, which cannot fail.
 *
 * Errors  LODE_ELIMIT as many objects as there can be; LODE_EFULL no memory for more entries
 */
LODE_MUST_CHECK lode_err table_take(struct table *table, lode_id id, bool spend,
                                    uint32_t *entry_out);

/* Gives an entry back that is not in the table, has no reference and is FREE. */
void table_give_back(struct table *table, uint32_t entry);

/* Enters an entry under its id, in the place of another entry of that id, if there is one. */
void table_enter(struct table *table, uint32_t entry, lode_id id);

/* Takes an entry out of the table; it keeps its id. */
void table_remove(struct table *table, uint32_t entry);

/* Sets entries aside as credit. Errors as table_take(). */
LODE_MUST_CHECK lode_err table_reserve(struct table *table, uint32_t count);
void table_unreserve(struct table *table, uint32_t count);

/* Whether all entries are used or set aside, and no more can be made at this moment. */
bool table_is_used_up(const struct table *table);

/* Sets as many aside as can be had, `count` at most, and returns how many. */
uint32_t table_reserve_some(struct table *table, uint32_t count);

/*
 * Changes the state of an entry; nothing else does. Asserts that the state is `from`, and that
 * store/README.md has the edge. An entry that becomes FREE gets its next generation. The fields
 * must have been written before: readers believe them as soon as the state is SEALED.
 */
void object_become(struct table *table, uint32_t entry, enum lode_entry_state from,
                   enum lode_entry_state to);

static inline uint64_t
entry_word(const struct table *table, uint32_t entry)
{
    return atomic_load_explicit(&table->entries[entry].word, memory_order_relaxed);
}

static inline enum lode_entry_state
entry_state(const struct table *table, uint32_t entry)
{
    return lode_word_state(entry_word(table, entry));
}

/* True if the entry's bytes are complete: it is SEALED, WANTED or DOOMED. */
static inline bool
entry_is_sealed(const struct table *table, uint32_t entry)
{
    enum lode_entry_state state = entry_state(table, entry);
    return state == LODE_ENTRY_SEALED || state == LODE_ENTRY_WANTED || state == LODE_ENTRY_DOOMED;
}

static inline uint64_t
table_hash(const struct table *table, lode_id id)
{
    return lode_id_hash(id, table->header->hash_key);
}

/*
 * For a caller that knows early which ids it is about to find or enter: brings the slots near that
 * an id of this hash is looked for in, and, a little later, what its first slot leads to.
 */
static inline void
table_prefetch(const struct table *table, uint64_t hash)
{
    const struct slots *slots = &table->slots;
    __builtin_prefetch(&slots->now.slot[hash & slots->now.mask]);
    if (slots->next.slot != NULL) {
        __builtin_prefetch(&slots->next.slot[hash & slots->next.mask]);
    }
}

static inline void
table_prefetch_entry(const struct table *table, uint64_t hash)
{
    const struct slots_region *now = &table->slots.now;
    uint32_t value = atomic_load_explicit(&now->slot[hash & now->mask], memory_order_relaxed);
    if (lode_slot_fits(value, hash) && lode_slot_entry(value) < table->entry_count) {
        __builtin_prefetch(&table->entries[lode_slot_entry(value)]);
        __builtin_prefetch(&table->truths[lode_slot_entry(value)]);
    }
}

/* Sets or clears one of LODE_SCARCE_… in the index. */
void table_say_scarce(struct table *table, uint32_t what, bool on);

#endif
