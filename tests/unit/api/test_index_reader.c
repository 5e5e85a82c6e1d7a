#include "tests/unit/api/fake_index.h"

#include <criterion/criterion.h>

static struct fake_index fake;
static _Atomic uint32_t pin;
static uint64_t row;

static void
setup(void)
{
    fake = fake_index_make();
    pin = 0;
}

static void
teardown(void)
{
    fake_index_free(&fake);
}

TestSuite(index_reader, .init = setup, .fini = teardown);

static lode_id
id_of(uint64_t counter)
{
    return lode_id_make(LODE_ID_PUT, 1, counter);
}

static enum lode_look
look(lode_id id)
{
    const struct lode_entry *entry;
    uint64_t word;
    return lode_index_look(&fake.view, id, lode_id_hash(id, fake.view.hash_key), &pin, &entry,
                           &word, &row);
}

Test(index_reader, a_sealed_entry_is_found_and_pinned)
{
    fake_index_add(&fake, 7, id_of(1), LODE_ENTRY_SEALED);
    cr_assert_eq(look(id_of(1)), LODE_LOOK_PINNED);
    cr_assert_eq(pin, 8);
}

Test(index_reader, what_nobody_may_read_is_a_miss_and_leaves_no_pin)
{
    const enum lode_entry_state states[] = {LODE_ENTRY_FREE, LODE_ENTRY_EXPECTED,
                                            LODE_ENTRY_CREATED, LODE_ENTRY_DOOMED,
                                            LODE_ENTRY_SPILLED};
    for (uint32_t i = 0; i < sizeof states / sizeof states[0]; i++) {
        fake_index_add(&fake, i, id_of(i), states[i]);
        cr_assert_eq(look(id_of(i)), LODE_LOOK_MISS);
        cr_assert_eq(pin, 0);
    }
    cr_assert_eq(look(id_of(99)), LODE_LOOK_MISS);
}

Test(index_reader, a_wanted_entry_is_readable_and_its_release_is_told)
{
    struct lode_entry *entry = fake_index_add(&fake, 3, id_of(1), LODE_ENTRY_WANTED);
    uint64_t generation = lode_word_generation(entry->word);
    for (int is_plain = 0; is_plain < 2; is_plain++) {
        entry->word = lode_word_make(generation, LODE_ENTRY_WANTED);
        cr_assert_eq(look(id_of(1)), LODE_LOOK_PINNED);
        cr_assert(lode_index_unpin(entry, generation, &pin, is_plain));
        cr_assert_eq(pin, 0);
        cr_assert_not(lode_index_unpin(entry, generation + 1, &pin, is_plain),
                      "of another life of the entry");
        entry->word = lode_word_make(generation, LODE_ENTRY_SEALED);
        cr_assert_not(lode_index_unpin(entry, generation, &pin, is_plain));
    }
}

Test(index_reader, an_entry_that_lives_again_is_another_one)
{
    struct lode_entry *entry = fake_index_add(&fake, 3, id_of(1), LODE_ENTRY_SEALED);
    uint64_t word = entry->word;
    entry->word = lode_word_make(lode_word_generation(word) + 1, LODE_ENTRY_SEALED);
    cr_assert_not(lode_index_pin(&fake.view, entry, word, &pin, &row));
    cr_assert_not(lode_index_give_up(entry, &pin, &word));
    cr_assert_eq(pin, 0);
    cr_assert(lode_index_pin(&fake.view, entry, entry->word, &pin, &row));
}

/* All ids of one home slot: they lie side by side. */
static uint64_t
colliding(uint64_t after, uint64_t home)
{
    while (lode_table_probe(fake.header->table, lode_id_hash(id_of(after), fake.view.hash_key),
                            0) != home) {
        after++;
    }
    return after;
}

Test(index_reader, probing_goes_over_tombstones_and_freed_entries)
{
    uint64_t home =
        lode_table_probe(fake.header->table, lode_id_hash(id_of(0), fake.view.hash_key), 0);
    uint64_t a = colliding(1, home), b = colliding(a + 1, home);
    fake_index_add(&fake, 1, id_of(0), LODE_ENTRY_SEALED);
    fake_index_add(&fake, 2, id_of(a), LODE_ENTRY_SEALED);
    fake_index_add(&fake, 3, id_of(b), LODE_ENTRY_SEALED);
    fake.slots[home] = LODE_TABLE_TOMBSTONE;
    fake.entries[2].word = lode_word_make(1, LODE_ENTRY_FREE);
    cr_assert_eq(look(id_of(b)), LODE_LOOK_PINNED);
    cr_assert_eq(pin, 4);
    cr_assert_eq(look(id_of(0)), LODE_LOOK_MISS);
    cr_assert_eq(look(id_of(a)), LODE_LOOK_MISS);
}

Test(index_reader, an_entry_freed_and_made_again_under_one_id_is_found_behind_the_old_slot)
{
    fake_index_add(&fake, 2, id_of(1), LODE_ENTRY_FREE);
    fake_index_add(&fake, 3, id_of(1), LODE_ENTRY_SEALED);
    cr_assert_eq(look(id_of(1)), LODE_LOOK_PINNED);
    cr_assert_eq(pin, 4);
}

/* A slot of this very chain whose tag is another one: its entry is not looked at. */
Test(index_reader, a_slot_of_another_tag_leads_to_another_id)
{
    uint64_t hash = lode_id_hash(id_of(1), fake.view.hash_key);
    uint64_t home = lode_table_probe(fake.header->table, hash, 0);
    fake_index_add(&fake, 2, id_of(1), LODE_ENTRY_SEALED);
    fake.slots[home] ^= LODE_SLOT_NUMBER_MASK + 1;
    cr_assert_eq(look(id_of(1)), LODE_LOOK_MISS);
    fake_index_add(&fake, 3, id_of(1), LODE_ENTRY_SEALED);
    cr_assert_eq(look(id_of(1)), LODE_LOOK_PINNED);
    cr_assert_eq(pin, 4);
}

Test(index_reader, ids_of_one_group_share_a_line_of_the_table_and_nothing_else)
{
    enum { SLOTS_OF_LINE = LODE_LINE / sizeof(uint32_t) };
    uint64_t table = lode_table_make(1, LODE_TABLE_LOG2_MAX, 0);
    for (uint64_t first = 0; first < 1000 * LODE_ID_GROUP; first += LODE_ID_GROUP) {
        for (uint64_t i = 0; i < LODE_ID_GROUP; i++) {
            uint64_t hash = lode_id_hash(id_of(first + i), fake.view.hash_key);
            for (uint64_t j = 0; j < i; j++) {
                uint64_t other = lode_id_hash(id_of(first + j), fake.view.hash_key);
                uint64_t a = lode_table_probe(table, hash, 0);
                uint64_t b = lode_table_probe(table, other, 0);
                cr_assert_eq(a / SLOTS_OF_LINE, b / SLOTS_OF_LINE);
                cr_assert_neq(a, b);
                cr_assert_neq(lode_wake_bucket(hash), lode_wake_bucket(other));
                cr_assert_not(lode_slot_fits(lode_slot_make(hash, 1), other));
            }
        }
    }
}

Test(index_reader, a_full_table_ends_the_search)
{
    for (uint32_t i = 0; i < 1 << LODE_TABLE_LOG2_MIN; i++) {
        fake.slots[i] = LODE_TABLE_TOMBSTONE;
    }
    cr_assert_eq(look(id_of(1)), LODE_LOOK_MISS);
}

Test(index_reader, a_new_table_is_used_as_soon_as_it_is_published)
{
    fake_index_add(&fake, 2, id_of(1), LODE_ENTRY_SEALED);
    fake.header->table = lode_table_make(2, LODE_TABLE_LOG2_MIN + 1, 1);
    cr_assert_eq(look(id_of(1)), LODE_LOOK_MISS);
    fake.slots = (void *)(fake.base + lode_table_offset(fake.header->table));
    fake_index_add(&fake, 2, id_of(1), LODE_ENTRY_SEALED);
    cr_assert_eq(look(id_of(1)), LODE_LOOK_PINNED);
}

Test(index_reader, numbers_beyond_the_entries_are_never_followed)
{
    fake.header->entry_count = 2;
    fake_index_add(&fake, 2, id_of(1), LODE_ENTRY_SEALED);
    cr_assert_eq(look(id_of(1)), LODE_LOOK_MISS);
}

Test(index_reader, a_slot_with_a_tag_and_without_a_number_leads_nowhere)
{
    uint64_t hash = lode_id_hash(id_of(1), fake.view.hash_key);
    fake.slots[lode_table_probe(fake.header->table, hash, 0)] = lode_slot_make(hash, UINT32_MAX);
    cr_assert_eq(look(id_of(1)), LODE_LOOK_MISS);
}
