/*
 * check.h: what must be true of a table at any time. For tests, and for the loop of debug builds.
 */
#ifndef LODE_STORE_TABLE_CHECK_H
#define LODE_STORE_TABLE_CHECK_H

#include "store/table/table.h"

/*
 * Looks at `count` entries one by one, from `first` on, and after the last one at the first ones:
 * references add up, lists are whole, the table leads to each entry.
 */
bool table_check(const struct table *table, uint32_t first, uint32_t count);

/* What the table has counted is what it has, over all entries. */
bool table_check_sums(const struct table *table);

#endif
