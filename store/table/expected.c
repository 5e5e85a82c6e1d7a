#include "store/table/expected.h"

#include "api/base/assert.h"

static bool
is_own(const struct table *table, uint32_t entry, const struct truth_row *row)
{
    return lode_id_session(table->entries[entry].id) == row->session;
}

static uint64_t *
count_of(const struct table *table, uint32_t entry, struct truth_row *row)
{
    return is_own(table, entry, row) ? &row->expected_own : &row->expected;
}

/* Counts the charge in the session's row, too: the client reads there how near the limit is. */
static void
count(struct table *table, uint32_t entry, struct truth_row *row, int change)
{
    struct lode_session_row *shown = &table->rows[row - table->truth_rows];
    *count_of(table, entry, row) += (uint64_t)(int64_t)change;
    atomic_store_explicit(&shown->expected, (uint32_t)row->expected, memory_order_relaxed);
    atomic_store_explicit(&shown->expected_own, (uint32_t)row->expected_own, memory_order_relaxed);
}

void
expected_charge(struct table *table, uint32_t entry, uint32_t row)
{
    struct truth_row *charged = &table->truth_rows[row];
    table->truths[entry].link_next = (uint32_t)charged->session;
    count(table, entry, charged, 1);
}

struct truth_row *
expected_row(const struct table *table, uint32_t entry)
{
    uint32_t number = table->truths[entry].link_next;
    struct truth_row *row = &table->truth_rows[number % LODE_SESSION_ROWS];
    return number != 0 && (uint32_t)row->session == number ? row : NULL;
}

void
expected_discharge(struct table *table, uint32_t entry)
{
    struct truth_row *row = expected_row(table, entry);
    if (row != NULL) {
        count(table, entry, row, -1);
    }
    table->truths[entry].link_next = 0;
}

void
expected_hand_on(struct table *table, uint32_t entry, uint32_t row)
{
    uint32_t first = table->truths[entry].first_ref;
    const struct truth_row *charged = &table->truth_rows[row];
    LODE_ASSERT(first != 0);
    if (entry_state(table, entry) != LODE_ENTRY_EXPECTED || expected_row(table, entry) != charged ||
        is_own(table, entry, charged)) {
        return;
    }
    expected_discharge(table, entry);
    expected_charge(table, entry, table->refs[first - 1].row);
}
