#include "store/table/check.h"

#include "store/table/expected.h"

#include <stdio.h>

/* clang-format off */
#define EXPECT(condition)                                                           \
    do {                                                                            \
        if (!(condition)) {                                                         \
            fprintf(stderr, "table_check: entry %u: %s\n", entry, #condition);      \
            return false;                                                           \
        }                                                                           \
    } while (0)
/* clang-format on */

static bool
check_refs(const struct table *table, uint32_t entry)
{
    const struct truth_entry *truth = &table->truths[entry];
    bool is_name = lode_id_kind(table->entries[entry].id) == LODE_ID_NAME;
    uint64_t sum = (truth->flags & TRUTH_BIRTH) != 0;
    uint32_t previous = 0;
    for (uint32_t n = truth->first_ref; n != 0; n = table->refs[n - 1].entry_next) {
        EXPECT(table->refs[n - 1].entry == entry + 1);
        EXPECT(table->refs[n - 1].entry_prev == previous);
        EXPECT(table->refs[n - 1].count > 0);
        EXPECT(table->truth_rows[table->refs[n - 1].row].session != 0);
        sum += table->refs[n - 1].count;
        previous = n;
    }
    previous = 0;
    for (uint32_t n = truth->first_holder; n != 0; n = table->holds[n - 1].held_next) {
        EXPECT(table->holds[n - 1].entry == entry + 1);
        EXPECT(table->holds[n - 1].held_prev == previous);
        sum++;
        previous = n;
    }
    sum += is_name ? 0 : truth->names;
    EXPECT(sum == truth->refs);
    return true;
}

static bool
check_entry(const struct table *table, uint32_t entry)
{
    const struct truth_entry *truth = &table->truths[entry];
    enum lode_entry_state state = entry_state(table, entry);
    uint32_t found;
    EXPECT(!(truth->flags & TRUTH_PINNED) || (truth->flags & TRUTH_SCANNED));
    if (state == LODE_ENTRY_FREE) {
        EXPECT(truth->first_ref == 0 && truth->first_hold == 0);
        EXPECT(!(truth->flags & (TRUTH_IN_TABLE | TRUTH_BIRTH | TRUTH_OWNED | TRUTH_DRAFT)));
        return true;
    }
    if (truth->flags & TRUTH_IN_TABLE) {
        EXPECT(table_find(table, table->entries[entry].id, &found) && found == entry);
    }
    EXPECT(!(truth->flags & TRUTH_DRAFT) || state == LODE_ENTRY_CREATED);
    EXPECT(state != LODE_ENTRY_CREATED || (truth->flags & TRUTH_DRAFT));
    /*
     * A sealed entry without a reference is a candidate, or waits for its last pin, or is a name.
     */
    EXPECT(state != LODE_ENTRY_SEALED || truth->refs > 0 || (truth->flags & TRUTH_CANDIDATE) ||
           lode_id_kind(table->entries[entry].id) == LODE_ID_NAME);
    return check_refs(table, entry);
}

/* No record is in use but those in the chains of the entries that are held. */
static bool
check_holds(const struct table *table)
{
    uint64_t used = 0, chained = 0;
    uint32_t entry = 0;
    for (uint32_t i = 0; i < table->facts->hold_count; i++) {
        used += table->holds[i].entry != 0;
    }
    for (; entry < table->entry_count; entry++) {
        for (uint32_t n = table->truths[entry].first_holder; n != 0;
             n = table->holds[n - 1].held_next) {
            chained++;
        }
    }
    EXPECT(used == chained);
    return true;
}

/* The table of slots that is being filled leads to each entry that was copied, and to no others. */
static bool
check_next(const struct table *table)
{
    const struct slots *slots = &table->slots;
    uint64_t used = 0;
    uint32_t entry = 0;
    if (slots->next.slot == NULL || slots->cleared <= slots->next.mask) {
        return true;
    }
    for (uint64_t at = 0; at <= slots->next.mask; at++) {
        uint32_t value = atomic_load_explicit(&slots->next.slot[at], memory_order_relaxed);
        if (value != 0 && value != LODE_TABLE_TOMBSTONE) {
            entry = lode_slot_entry(value);
            EXPECT(lode_slot_fits(value, table_hash(table, table->entries[entry].id)));
            EXPECT(table->truths[entry].flags & TRUTH_IN_TABLE);
            used++;
        }
    }
    EXPECT(used == slots->next.used && used <= slots->now.used);
    return true;
}

static bool
check_sums(const struct table *table)
{
    uint64_t states[8] = {0}, in_table = 0;
    uint32_t entry = 0, candidates = 0;
    for (; entry < table->entry_count; entry++) {
        states[entry_state(table, entry) & 7]++;
        in_table += (table->truths[entry].flags & TRUTH_IN_TABLE) != 0;
        candidates += (table->truths[entry].flags & TRUTH_CANDIDATE) != 0;
    }
    for (int i = 0; i < 8; i++) {
        EXPECT(states[i] == table->state_count[i]);
    }
    EXPECT(states[LODE_ENTRY_FREE] == table->free_count);
    EXPECT(in_table == table->slots.now.used);
    EXPECT(candidates == table->candidate_count);
    EXPECT(table->reserved <= table->free_count);
    EXPECT(table->slots.now.used + table->slots.now.tombstones <= table->slots.now.mask);
    return check_next(table);
}

/* What each session is charged with. */
static bool
check_expected(const struct table *table)
{
    uint64_t charged = 0, sum = 0;
    uint32_t entry = 0;
    for (; entry < table->entry_count; entry++) {
        charged +=
            entry_state(table, entry) == LODE_ENTRY_EXPECTED && expected_row(table, entry) != NULL;
    }
    for (uint32_t row = 0; row < LODE_SESSION_ROWS; row++) {
        sum += table->truth_rows[row].expected + table->truth_rows[row].expected_own;
    }
    EXPECT(charged == sum);
    return true;
}

bool
table_check(const struct table *table, uint32_t first, uint32_t count)
{
    for (uint32_t i = 0; i < count; i++) {
        if (!check_entry(table, (uint32_t)(((uint64_t)first + i) % table->entry_count))) {
            return false;
        }
    }
    return true;
}

bool
table_check_sums(const struct table *table)
{
    return check_holds(table) && check_sums(table) && check_expected(table);
}
