/* whole_table.h: all that must be true of a table is. */
#ifndef LODE_TESTS_UNIT_STORE_WHOLE_TABLE_H
#define LODE_TESTS_UNIT_STORE_WHOLE_TABLE_H

#include "store/table/check.h"

static inline bool
table_is_right(const struct table *table)
{
    return table_check(table, 0, table->entry_count) && table_check_sums(table);
}

#endif
