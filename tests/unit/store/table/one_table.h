/* one_table.h: a table of its own for each test, and entries in it under small numbers. */
#ifndef LODE_TESTS_UNIT_STORE_ONE_TABLE_H
#define LODE_TESTS_UNIT_STORE_ONE_TABLE_H

#include "tests/unit/store/table/whole_table.h"
#include "tests/unit/store/tmpfs.h"

static struct table table;

static inline void
table_setup(void)
{
    tmpfs_setup();
    must(table_open(tmpfs_dir, 1, NULL, &table));
}

static inline void
table_teardown(void)
{
    table_close(&table, true);
    tmpfs_teardown();
}

static inline lode_id
id_of(uint64_t n)
{
    return lode_id_make(LODE_ID_USER, 0, n);
}

/* An entry that somebody expects. */
static inline uint32_t
add(uint64_t n)
{
    uint32_t entry;
    must(table_take(&table, id_of(n), false, &entry));
    object_become(&table, entry, LODE_ENTRY_FREE, LODE_ENTRY_EXPECTED);
    return entry;
}

static inline void
end(uint32_t entry)
{
    table_remove(&table, entry);
    object_become(&table, entry, LODE_ENTRY_EXPECTED, LODE_ENTRY_FREE);
    table_give_back(&table, entry);
}

#endif
