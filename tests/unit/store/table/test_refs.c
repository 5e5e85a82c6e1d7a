/*
 * Who refers to an entry, and when it becomes a candidate.
 *
 * ctest: wrap fallocate
 */
#include "store/table/refs.h"
#include "tests/unit/store/table/whole_table.h"
#include "tests/unit/store/tmpfs.h"

static struct table table;

static void
setup(void)
{
    tmpfs_setup();
    must(table_open(tmpfs_dir, 1, NULL, &table));
    for (uint32_t row = 1; row < 100; row++) {
        table.truth_rows[row].session = row;
    }
}

static void
teardown(void)
{
    table_close(&table, true);
    tmpfs_teardown();
}

TestSuite(refs, .init = setup, .fini = teardown, .timeout = 60);

static uint32_t
sealed(uint64_t n)
{
    uint32_t entry;
    must(table_take(&table, lode_id_make(LODE_ID_PUT, 1, n), false, &entry));
    object_become(&table, entry, LODE_ENTRY_FREE, LODE_ENTRY_SEALED);
    return entry;
}

Test(refs, are_counted_per_session)
{
    uint32_t entry = sealed(1), popped;
    must(ref_take(&table, entry, 1));
    must(ref_take(&table, entry, 2));
    must(ref_take(&table, entry, 2));
    expect_eq(table.truths[entry].refs, 3);
    expect(!ref_drop(&table, entry, 3, false)); /* it has none */
    expect(ref_drop(&table, entry, 1, false));
    expect(!ref_drop(&table, entry, 1, false)); /* nobody drops another's */
    expect(!candidate_pop(&table, &popped));
    expect(ref_drop(&table, entry, 2, false));
    expect(ref_drop(&table, entry, 2, false));
    expect(candidate_pop(&table, &popped) && popped == entry);
    expect(!candidate_pop(&table, &popped));
}

Test(refs, that_of_birth_is_the_makers_last)
{
    uint32_t entry = sealed(1);
    ref_birth(&table, entry);
    must(ref_take(&table, entry, 1));
    expect(!ref_drop(&table, entry, 2, false));
    expect(ref_drop(&table, entry, 1, true));
    expect(table.truths[entry].flags & TRUTH_BIRTH);
    expect(ref_drop(&table, entry, 1, true));
    expect(!(table.truths[entry].flags & TRUTH_BIRTH));
    expect(!ref_drop(&table, entry, 1, true));
    expect_eq(table.candidate_count, 1);
    expect(table_is_right(&table));
}

Test(refs, of_a_session_end_with_it)
{
    enum { COUNT = 10000 };
    static uint32_t entries[COUNT];
    for (uint32_t i = 0; i < COUNT; i++) {
        entries[i] = sealed(i + 1);
        must(ref_take(&table, entries[i], 1));
        must(ref_take(&table, entries[i], 2 + i % 50));
    }
    expect(table_is_right(&table));
    expect(!refs_end_session(&table, 1, COUNT - 1));
    expect(refs_end_session(&table, 1, 1));
    expect_eq(table.candidate_count, 0);
    expect(table_is_right(&table));
    for (uint32_t row = 2; row < 52; row++) {
        expect(refs_end_session(&table, row, COUNT));
    }
    expect_eq(table.candidate_count, COUNT);
    expect(table_is_right(&table));
}

Test(refs, of_a_container_end_with_it)
{
    uint32_t box = sealed(1), held = sealed(2);
    must(ref_take(&table, box, 1));
    must(hold_add(&table, box, held));
    must(hold_add(&table, box, held));
    expect_eq(table.truths[held].refs, 2);
    expect(table_is_right(&table));
    holds_drop(&table, box);
    expect_eq(table.truths[held].refs, 0);
    expect_eq(table.candidate_count, 1);
    expect(table_is_right(&table));
}

Test(refs, a_container_forgets_what_is_deleted)
{
    uint32_t box = sealed(1), gone = sealed(2), stays = sealed(3);
    must(ref_take(&table, box, 1));
    must(hold_add(&table, box, gone));
    must(hold_add(&table, box, stays));
    holds_forget(&table, gone);
    expect_eq(table.truths[gone].refs, 0);
    expect_eq(table.truths[stays].refs, 1);
    holds_drop(&table, box);
    expect_eq(table.truths[stays].refs, 0);
    expect(table_is_right(&table));
}

/* With a search of all records for each, this would take minutes. */
Test(refs, of_containers_are_forgotten_without_a_search)
{
    enum { COUNT = 1000000 };
    uint32_t box = sealed(1), first = 0;
    must(ref_take(&table, box, 1));
    for (uint32_t i = 0; i < COUNT; i++) {
        uint32_t held = sealed(i + 2);
        first = i == 0 ? held : first;
        must(hold_add(&table, box, held));
    }
    expect_eq(table.candidate_count, 0);
    for (uint32_t i = COUNT; i-- > 0;) {
        holds_forget(&table, first + i);
    }
    expect_eq(table.candidate_count, COUNT);
    expect(table_is_right(&table));
}

Test(refs, move_with_an_id_to_another_entry)
{
    uint32_t expected = sealed(1), box = sealed(2), draft;
    must(table_take(&table, (lode_id){{0}}, false, &draft));
    object_become(&table, draft, LODE_ENTRY_FREE, LODE_ENTRY_SEALED);
    ref_birth(&table, expected);
    must(ref_take(&table, expected, 4));
    must(ref_take(&table, box, 1));
    must(hold_add(&table, box, expected));
    refs_move(&table, expected, draft);
    candidate_add(&table, expected);
    expect_eq(table.truths[draft].refs, 3);
    expect_eq(table.truths[expected].refs, 0);
    expect(ref_drop(&table, draft, 4, false));
    holds_drop(&table, box);
    expect_eq(table.truths[draft].refs, 1);
    expect(table_is_right(&table));
}

Test(refs, others_are_all_but_ones_own_and_birth)
{
    uint32_t entry = sealed(1);
    ref_birth(&table, entry);
    must(ref_take(&table, entry, 1));
    must(ref_take(&table, entry, 2));
    must(ref_take(&table, entry, 2));
    expect_eq(ref_others(&table, entry, 2), 1);
    expect_eq(ref_others(&table, entry, 9), 3);
}

Test(refs, of_names_and_containers_do_not_wrap)
{
    uint32_t entry = sealed(1), container = sealed(2);
    ref_birth(&table, entry);
    ref_birth(&table, container);
    table.truths[entry].refs = UINT32_MAX - 1;
    fails(ref_name(&table, entry), LODE_ELIMIT);
    fails(hold_add(&table, container, entry), LODE_ELIMIT);
    fails(ref_take(&table, entry, 1), LODE_ELIMIT);
    table.truths[entry].refs = 1;
    expect(table_is_right(&table));
}

Test(refs, forgetting_leaves_names_and_containers)
{
    uint32_t entry = sealed(1);
    ref_birth(&table, entry);
    must(ref_take(&table, entry, 1));
    must(ref_name(&table, entry));
    refs_forget(&table, entry);
    expect_eq(table.truths[entry].refs, 1);
    ref_unname(&table, entry);
    expect_eq(table.candidate_count, 1);
    expect(table_is_right(&table));
}

/* It may have been handed on, to a session whose ring was drained before that record was in it. */
Test(refs, that_come_and_go_while_an_object_is_doomed_spare_it)
{
    uint32_t entry = sealed(1), popped;
    object_become(&table, entry, LODE_ENTRY_SEALED, LODE_ENTRY_DOOMED);
    must(ref_take(&table, entry, 1));
    expect_eq(entry_state(&table, entry), LODE_ENTRY_SEALED);
    expect(ref_drop(&table, entry, 1, false));
    expect_eq(entry_state(&table, entry), LODE_ENTRY_SEALED);
    expect(candidate_pop(&table, &popped) && popped == entry); /* of the next batch */
}

Test(refs, a_mark_is_reached_when_all_candidates_before_it_and_what_they_held_are_gone)
{
    uint32_t first = sealed(1), second = sealed(2), held = sealed(3), late = sealed(4), popped;
    candidate_add(&table, first);
    candidate_add(&table, second);
    uint64_t mark = candidates_mark(&table);
    candidate_add(&table, late);
    expect(candidate_pop(&table, &popped) && popped == first);
    candidates_to_front(&table, true);
    candidate_add(&table, held);
    candidates_to_front(&table, false);
    expect(candidate_pop(&table, &popped) && popped == held);
    candidates_decide(&table);
    expect(!candidates_reached(&table, mark));
    candidates_to_front(&table, true);
    candidate_add(&table, held);
    candidates_to_front(&table, false);
    expect(candidate_pop(&table, &popped) && popped == held);
    expect(candidate_pop(&table, &popped) && popped == second);
    expect(!candidates_reached(&table, mark)); /* they are looked at */
    candidates_decide(&table);
    expect(candidates_reached(&table, mark));
    expect(candidate_pop(&table, &popped) && popped == late);
    expect(!candidate_pop(&table, &popped));
    candidate_add(&table, first); /* the list's end is its beginning again */
    expect(candidate_pop(&table, &popped) && popped == first);
}

/* ---- without memory for more ---- */

static bool is_full; /* the tmpfs */
static int refusals;

int __real_fallocate(int fd, int mode, off_t offset, off_t bytes);
int __wrap_fallocate(int fd, int mode, off_t offset, off_t bytes);

int
__wrap_fallocate(int fd, int mode, off_t offset, off_t bytes)
{
    if (!is_full) {
        return __real_fallocate(fd, mode, offset, bytes);
    }
    refusals++;
    errno = ENOSPC;
    return -1;
}

Test(refs, in_a_full_tmpfs_try_to_get_memory_a_few_times_and_not_for_each_record)
{
    enum { ENTRIES = 45, ROWS = 99 };
    uint32_t entries[ENTRIES], taken = 0;
    for (uint32_t i = 0; i < ENTRIES; i++) {
        entries[i] = sealed(i + 1);
    }
    must(ref_take(&table, entries[0], 1));
    is_full = true;
    for (uint32_t i = 1; i < ENTRIES * ROWS && table.refs_free > 0; i++, taken++) {
        must(ref_take(&table, entries[i % ENTRIES], 1 + i / ENTRIES));
    }
    expect_eq(table.refs_free, 0);
    expect_lt(4000, taken);
    expect_lt(0, refusals);
    expect_le(refusals, 16);
    fails(ref_take(&table, sealed(100), 1), LODE_EFULL);
    is_full = false;
    must(ref_take(&table, sealed(101), 1)); /* at once */
}
