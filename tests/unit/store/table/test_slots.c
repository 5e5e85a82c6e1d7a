/* The hash table of the index: it grows and is swept a little with each id, and loses none. */
#include "tests/unit/store/table/one_table.h"

#include <stdlib.h>
#include <string.h>

TestSuite(slots, .init = table_setup, .fini = table_teardown, .timeout = 60);

static uint64_t
published(void)
{
    return atomic_load(&table.header->table);
}

Test(slots, a_greater_table_is_filled_a_little_with_each_id_and_then_published)
{
    enum { COUNT = 40 * TABLE_STEP, MOST = 4096 };
    uint64_t before = published(), growths = 0, ids = 0;
    for (uint64_t n = 1; n <= COUNT; n++) {
        uint64_t cleared = table.slots.cleared, copied = table.slots.copied;
        bool grows = table.slots.next.slot != NULL;
        add(n);
        if (grows && table.slots.next.slot != NULL) {
            expect_le(table.slots.cleared - cleared, MOST);
            expect_le(table.slots.copied - copied, MOST);
            expect_eq(published(), before); /* readers use the present one */
        }
        ids += grows;
        if (published() != before) {
            expect_le(table.slots.now.used / 64, ids); /* while it was filled */
            before = published();
            growths++;
            ids = 0;
        }
    }
    expect_le(4, growths);
    expect_le(table.slots.now.used * 4 / 3, table.slots.now.mask + 1);
    expect(table_is_right(&table));
}

Test(slots, ids_that_come_and_go_while_a_table_is_filled_are_in_it_or_not_as_they_should)
{
    enum { IDS = 60000, STEPS = 400000 };
    uint32_t *entry = calloc(IDS, sizeof *entry), found; /* + 1; 0: not in */
    uint64_t random = 5, words = published(), changes = 0;
    for (int step = 0; step < STEPS; step++) {
        random = random * UINT64_C(6364136223846793005) + 1442695040888963407;
        uint64_t n = (random >> 33) % (step < STEPS / 2 ? IDS / 8 : IDS);
        if (entry[n] != 0) {
            end(entry[n] - 1);
            entry[n] = 0;
        } else {
            entry[n] = add(n + 1) + 1;
        }
        changes += published() != words;
        words = published();
        if (step % 20000 == 0) {
            expect(table_is_right(&table));
        }
    }
    for (uint64_t n = 0; n < IDS; n++) {
        bool is_in = table_find(&table, id_of(n + 1), &found);
        expect_eq(is_in, entry[n] != 0);
        expect(!is_in || found == entry[n] - 1);
    }
    expect_le(3, changes);
    expect(table_is_right(&table));
    free(entry);
}

Test(slots, an_entry_that_takes_the_place_of_another_does_so_in_both_tables)
{
    uint64_t n = 1;
    uint32_t draft, found;
    while (table.slots.next.slot == NULL || table.slots.cleared <= table.slots.next.mask) {
        add(n++);
    }
    lode_id id = id_of(1); /* the first one: it is copied soon */
    must(table_take(&table, (lode_id){{0}}, false, &draft));
    object_become(&table, draft, LODE_ENTRY_FREE, LODE_ENTRY_EXPECTED);
    table_enter(&table, draft, id);
    uint64_t word = published();
    while (published() == word) {
        add(n++);
    }
    expect(table_find(&table, id, &found) && found == draft);
}

Test(slots, entries_that_are_made_in_one_go_leave_room_for_the_ids_that_follow)
{
    uint32_t found;
    must(table_reserve(&table, 100 * TABLE_STEP)); /* one id is in, and the next table is great */
    for (uint64_t n = 1; n <= 50 * TABLE_STEP; n++) {
        add(n);
    }
    for (uint64_t n = 1; n <= 50 * TABLE_STEP; n++) {
        expect(table_find(&table, id_of(n), &found));
    }
    table_unreserve(&table, table.reserved);
    expect(table_is_right(&table));
}

/* A reserve that wants a greater table begins the filling anew, and the present one stays small. */
static uint64_t
reserve_until(uint32_t entries)
{
    uint64_t before = table.slots.next.mask;
    must(table_reserve(&table, entries - table.entry_count + table.free_count - table.reserved));
    expect(table.slots.next.slot != NULL && table.slots.next.mask != before);
    return published();
}

Test(slots, a_table_that_is_all_but_full_is_replaced_with_one_id_however_great_the_next_one)
{
    enum {
        FIRST = 4000,
        SOME = 1800,
        SECOND_STEP = 100 * TABLE_STEP,
        THIRD_STEP = 129 * TABLE_STEP
    };
    uint64_t n = 1, most_with_one_id = 0;
    uint32_t found;
    while (n <= FIRST) {
        add(n++);
    }
    uint64_t first = reserve_until(SECOND_STEP);
    while (n <= FIRST + SOME) {
        add(n++);
    }
    expect_eq(published(), first);
    expect_eq(reserve_until(THIRD_STEP), first);
    while (published() == first) {
        uint64_t copied = table.slots.copied;
        add(n++);
        most_with_one_id = table.slots.copied - copied > most_with_one_id
                               ? table.slots.copied - copied
                               : most_with_one_id;
        expect_le((table.slots.now.used + table.slots.now.tombstones) * 8,
                  (table.slots.now.mask + 1) * 7 + 8);
    }
    expect_le(TABLE_STEP, most_with_one_id);
    for (uint64_t i = 1; i < n; i++) {
        expect(table_find(&table, id_of(i), &found));
    }
    table_unreserve(&table, table.reserved);
    expect(table_is_right(&table));
}

/* ---- how long the search is ---- */

/* Slots that are looked at for each of the ids of a table at load 1/2. */
static double
probes(lode_id (*id)(uint64_t n), const uint64_t key[2])
{
    enum { LOG2 = 14, IDS = 1 << (LOG2 - 1) };
    static bool taken[1 << LOG2];
    uint64_t word = lode_table_make(1, LOG2, 0), sum = 0;
    memset(taken, 0, sizeof taken);
    for (uint64_t n = 0; n < IDS; n++) {
        uint64_t hash = lode_id_hash(id(n), key), i = 0;
        while (taken[lode_table_probe(word, hash, i)]) {
            i++;
        }
        taken[lode_table_probe(word, hash, i)] = true;
        sum += i + 1;
    }
    return (double)sum / IDS;
}

static lode_id
counted(uint64_t n)
{
    return lode_id_make(LODE_ID_PUT, 77, n + 1);
}

static lode_id
every_fourth(uint64_t n)
{
    return lode_id_make(LODE_ID_PUT, 77, n * LODE_ID_GROUP);
}

static lode_id
of_many_sessions(uint64_t n)
{
    return lode_id_make(LODE_ID_RESULT, 77 + n % 100, n / 100);
}

/* Neither of ids that are counted up, nor of ids that are chosen so as to be no neighbours. */
Test(slots, chains_are_short_whatever_the_key_and_however_ids_are_chosen)
{
    uint64_t random = 5;
    for (int i = 0; i < 100; i++) {
        uint64_t key[2];
        for (int j = 0; j < 2; j++) {
            random = random * UINT64_C(6364136223846793005) + 1442695040888963407;
            key[j] = random ^ random >> 29;
        }
        expect(probes(counted, key) < 2.6);
        expect(probes(every_fourth, key) < 1.8);
        expect(probes(of_many_sessions, key) < 2.6);
    }
}
