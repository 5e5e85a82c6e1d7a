/* Entries, the hash table that leads to them, and the gate. */
#include "store/table/refs.h"
#include "tests/unit/store/table/one_table.h"

#include <signal.h>

TestSuite(table, .init = table_setup, .fini = table_teardown, .timeout = 60);

Test(table, finds_what_was_entered_and_nothing_else)
{
    uint32_t entry = add(1), found = 0;
    expect(table_find(&table, id_of(1), &found));
    expect_eq(found, entry);
    expect(!table_find(&table, id_of(2), &found));
    expect(table_is_right(&table));
}

Test(table, an_id_of_another_store_is_none_of_this)
{
    uint64_t here = atomic_load(&table.header->next_session);
    expect_ne(here, 0);
    expect_le(here, LODE_SESSION_MAX / 2);
    table_close(&table, true);
    must(table_open(tmpfs_dir, 2, NULL, &table));
    uint64_t there = atomic_load(&table.header->next_session), least = here < there ? here : there;
    expect_le(LODE_SESSION_ROWS, (here > there ? here : there) - least); /* wrong once in 10^10 */
}

Test(table, a_freed_entry_has_a_new_generation_and_is_not_found)
{
    uint32_t entry = add(1), found;
    uint64_t word = entry_word(&table, entry);
    end(entry);
    expect(!table_find(&table, id_of(1), &found));
    expect_lt(lode_word_generation(word), lode_word_generation(entry_word(&table, entry)));
    expect(table_is_right(&table));
}

Test(table, growth_publishes_a_new_table_and_loses_nothing)
{
    enum { COUNT = 5 * TABLE_STEP };
    uint64_t before = atomic_load(&table.header->table);
    uint32_t found;
    for (uint64_t i = 1; i <= COUNT; i++) {
        add(i);
    }
    uint64_t after = atomic_load(&table.header->table);
    expect_lt(before >> 16, after >> 16);
    expect_lt(lode_table_log2(before), lode_table_log2(after));
    expect_le(COUNT, atomic_load(&table.header->entry_count));
    for (uint64_t i = 1; i <= COUNT; i++) {
        expect(table_find(&table, id_of(i), &found));
        expect(lode_id_same(table.entries[found].id, id_of(i)));
    }
    expect(table_is_right(&table));
}

Test(table, tombstones_are_used_again_or_swept)
{
    uint32_t keep = add(1), found;
    for (uint64_t i = 2; i < 200000; i++) {
        end(add(i));
    }
    expect_lt(table.slots.now.tombstones, (table.slots.now.mask + 1) / 8 * 7);
    expect(table_find(&table, id_of(1), &found) && found == keep);
    expect(table_is_right(&table));
}

Test(table, reserved_entries_are_left_to_those_who_spend)
{
    uint32_t entry, count = table.free_count;
    must(table_reserve(&table, count));
    must(table_take(&table, id_of(1), false, &entry)); /* grows */
    expect_eq(table.entry_count, 2 * TABLE_STEP);
    object_become(&table, entry, LODE_ENTRY_FREE, LODE_ENTRY_EXPECTED);
    must(table_take(&table, id_of(2), true, &entry));
    object_become(&table, entry, LODE_ENTRY_FREE, LODE_ENTRY_EXPECTED);
    expect_eq(table.reserved, count - 1);
    table_unreserve(&table, count - 1);
    expect(table_is_right(&table));
}

Test(table, an_entry_takes_the_place_of_another_of_its_id)
{
    uint32_t expected = add(7), draft, found;
    must(table_take(&table, (lode_id){{0}}, false, &draft));
    object_become(&table, draft, LODE_ENTRY_FREE, LODE_ENTRY_EXPECTED);
    table_enter(&table, draft, id_of(7));
    expect(table_find(&table, id_of(7), &found) && found == draft);
    end(expected); /* not in the table: nothing else changes */
    expect(table_find(&table, id_of(7), &found) && found == draft);
    expect(table_is_right(&table));
}

/* No teardown follows an abort. */
static void
clean_up_before_abort(void)
{
    char path[128];
    const char *const files[] = {"index", "truth"};
    for (int i = 0; i < 2; i++) {
        snprintf(path, sizeof path, "%s/%s", tmpfs_dir, files[i]);
        expect_eq(unlink(path), 0);
    }
    expect_eq(rmdir(tmpfs_dir), 0);
}

Test(table, the_gate_refuses_an_edge_that_there_is_not, .signal = SIGABRT)
{
    uint32_t entry = add(1);
    clean_up_before_abort();
    object_become(&table, entry, LODE_ENTRY_EXPECTED, LODE_ENTRY_DOOMED);
}

Test(table, the_gate_refuses_a_state_that_is_another, .signal = SIGABRT)
{
    uint32_t entry = add(1);
    clean_up_before_abort();
    object_become(&table, entry, LODE_ENTRY_CREATED, LODE_ENTRY_SEALED);
}
