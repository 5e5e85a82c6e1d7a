/* The walk over a table finds what is wrong with an entry, at once or part by part. */
#include "store/table/check.h"
#include "tests/unit/store/table/one_table.h"

TestSuite(check, .init = table_setup, .fini = table_teardown, .timeout = 60);

enum { PART = TABLE_STEP / 4 };

/* How many of the parts, begun at `first`, find something wrong. */
static uint32_t
parts_that_find(uint32_t first)
{
    uint32_t found = 0;
    for (uint32_t at = 0; at < table.entry_count; at += PART) {
        found += !table_check(&table, first + at, PART);
    }
    return found;
}

Test(check, each_entry_is_looked_at_by_one_part)
{
    for (uint64_t i = 1; i <= TABLE_STEP; i++) {
        add(i);
    }
    expect_eq(parts_that_find(0), 0);
    for (uint32_t entry = 0; entry < table.entry_count; entry += PART / 2) {
        table.truths[entry].refs++;
        expect(!table_is_right(&table));
        expect_eq(parts_that_find(0), 1);
        expect_eq(parts_that_find(PART / 3), 1); /* the last one goes on at the first entry */
        table.truths[entry].refs--;
    }
    expect(table_is_right(&table));
}

Test(check, sums_are_over_all_entries)
{
    add(1);
    table.free_count++;
    expect_eq(parts_that_find(0), 0);
    expect(!table_check_sums(&table));
    table.free_count--;
    expect(table_check_sums(&table));
}
