/*
 * fake_index.h: an index in this test's own memory, written as the store writes it.
 */
#ifndef TESTS_UNIT_API_FAKE_INDEX_H
#define TESTS_UNIT_API_FAKE_INDEX_H

#include "api/client/channel/index_reader.h"

#include <stdlib.h>
#include <sys/mman.h>

struct fake_index {
    uint8_t *base;
    struct lode_index_header *header;
    struct lode_entry *entries;
    struct lode_wake *wakes;
    struct lode_session_row *rows;
    _Atomic uint32_t *slots;
    struct lode_index_view view;
};

static inline struct fake_index
fake_index_make(void)
{
    struct fake_index fake;
    fake.base = mmap(NULL, LODE_INDEX_BYTES, PROT_READ | PROT_WRITE,
                     MAP_SHARED | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    if (fake.base == MAP_FAILED) {
        abort();
    }
    fake.header = (void *)fake.base;
    fake.entries = (void *)(fake.base + LODE_ENTRIES_OFFSET);
    fake.wakes = (void *)(fake.base + LODE_WAKE_OFFSET);
    fake.rows = (void *)(fake.base + LODE_ROWS_OFFSET);
    fake.header->hash_key[0] = 0x9e3779b97f4a7c15;
    fake.header->hash_key[1] = 0xc2b2ae3d27d4eb4f;
    fake.header->entry_count = 4096;
    fake.header->table = lode_table_make(1, LODE_TABLE_LOG2_MIN, 0);
    fake.slots = (void *)(fake.base + lode_table_offset(fake.header->table));
    lode_index_view_init(&fake.view, fake.base, 0);
    return fake;
}

static inline void
fake_index_free(struct fake_index *fake)
{
    munmap(fake->base, LODE_INDEX_BYTES);
}

/* Writes an entry, and puts its number into the table. */
static inline struct lode_entry *
fake_index_add(struct fake_index *fake, uint32_t number, lode_id id, enum lode_entry_state state)
{
    struct lode_entry *entry = &fake->entries[number];
    uint64_t table = fake->header->table;
    uint64_t hash = lode_id_hash(id, fake->header->hash_key);
    uint64_t i = 0;
    entry->id = id;
    entry->word = lode_word_make(lode_word_generation(entry->word), state);
    while (fake->slots[lode_table_probe(table, hash, i)] != 0) {
        i++;
    }
    fake->slots[lode_table_probe(table, hash, i)] = lode_slot_make(hash, number);
    return entry;
}

#endif
