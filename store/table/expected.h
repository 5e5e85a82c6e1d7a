/*
 * expected.h: which session is charged with an EXPECTED entry. Such an entry stands for an id whose
 * object does not exist yet, and takes room in the table of all sessions. A session may be charged
 * with so many and no more, so none can fill the table with ids whose objects never come.
 *
 *   an id of another session  The session that referred to the id first is charged. When it drops
 *                             its reference, the charge goes to a session that still refers to it.
 *   an id of its own          The session stays charged until the object comes, even if it has
 *                             dropped the id. These are counted apart, with a higher limit, because
 *                             a session may wait for a great many results.
 *
 * While an entry is EXPECTED, its link_next is the low half of the number of the charged session,
 * or 0 if no session is charged. A session that has ended is charged with nothing.
 */
#ifndef LODE_STORE_TABLE_EXPECTED_H
#define LODE_STORE_TABLE_EXPECTED_H

#include "store/table/table.h"

/* Charges the session in `row` with an entry that no session is charged with. */
void expected_charge(struct table *table, uint32_t entry, uint32_t row);

/* Takes the charge for the entry from its session. The entry must still be EXPECTED. */
void expected_discharge(struct table *table, uint32_t entry);

/* The row of the session that is charged with the entry; NULL: no session is. */
struct truth_row *expected_row(const struct table *table, uint32_t entry);

/*
 * The session in `row` has dropped its last reference to the entry. If it was charged with the
 * entry, one of the sessions that still refer to it is charged instead; the caller has made sure
 * that there is one. A session stays charged with an id of its own.
 */
void expected_hand_on(struct table *table, uint32_t entry, uint32_t row);

/*
 * True if the entry is EXPECTED and its only reference is the one from birth. The store takes that
 * reference for granted for every result that is still to come, entry or no entry. So this entry
 * remembers nothing, and may be freed.
 */
static inline bool
expected_says_nothing(const struct table *table, uint32_t entry)
{
    const struct truth_entry *truth = &table->truths[entry];
    return truth->refs == 1 && (truth->flags & TRUTH_BIRTH) && !(truth->flags & TRUTH_PROMISED) &&
           entry_state(table, entry) == LODE_ENTRY_EXPECTED;
}

#endif
