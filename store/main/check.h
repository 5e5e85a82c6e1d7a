/* check.h: what must be true of a store between two events, over arena, table and sessions. */
#ifndef LODE_STORE_MAIN_CHECK_H
#define LODE_STORE_MAIN_CHECK_H

#include "store/state/store.h"

/*
 * Walks everything, for debug builds and tests. But a great table's entries are looked at in turn,
 * some at each check, and what is to be true of all of them together once in each turn, so that
 * nobody waits seconds for the store.
 */
bool store_check(struct store *store);

#endif
