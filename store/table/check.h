/*
 * check.h: what must be true of a table at any time, by a walk over all of it. For tests, and for
 * the loop of debug builds.
 */
#ifndef LODE_STORE_TABLE_CHECK_H
#define LODE_STORE_TABLE_CHECK_H

#include "store/table/table.h"

/* Walks everything: references add up, lists are whole, the table leads to each entry. */
bool table_check(const struct table *table);

#endif
