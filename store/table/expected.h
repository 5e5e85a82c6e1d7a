/*
 * expected.h: who is charged with an EXPECTED entry: the session that first referred to an id of
 * another's making before it existed, or, when that one drops it, one of those that still do. So no
 * session can fill the table with what never comes. Its own ids are counted apart, and stay charged
 * to it, dropped or not, until they come: it may have a great many results outstanding.
 *
 * The low half of the session's number is in the entry's link_next while it is EXPECTED, 0: nobody;
 * a session that has ended is charged no more.
 */
#ifndef LODE_STORE_TABLE_EXPECTED_H
#define LODE_STORE_TABLE_EXPECTED_H

#include "store/table/table.h"

/* Charges the session in `row` with an entry that nobody is charged with. */
void expected_charge(struct table *table, uint32_t entry, uint32_t row);

/* Nobody is charged with the entry any more, which is EXPECTED still. */
void expected_discharge(struct table *table, uint32_t entry);

/* The row that is charged with the entry; NULL: none. */
struct truth_row *expected_row(const struct table *table, uint32_t entry);

/*
 * The session in `row` refers to the entry no more: if it was charged, and not for an id of its own,
 * another is that still does, of which there must be one.
 */
void expected_hand_on(struct table *table, uint32_t entry, uint32_t row);

/* EXPECTED, and yet no more than is so of every result that is to come: it may be forgotten. */
static inline bool
expected_says_nothing(const struct table *table, uint32_t entry)
{
    const struct truth_entry *truth = &table->truths[entry];
    return truth->refs == 1 && (truth->flags & TRUTH_BIRTH) && !(truth->flags & TRUTH_PROMISED) &&
           entry_state(table, entry) == LODE_ENTRY_EXPECTED;
}

#endif
