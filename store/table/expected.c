#include "store/table/expected.h"

#include "api/base/assert.h"

void
expected_charge(struct table *table, uint32_t entry, uint32_t row)
{
    uint64_t session = table->truth_rows[row].session;
    if (lode_id_session(table->entries[entry].id) != session) {
        table->truths[entry].link_next = (uint32_t)session;
        table->truth_rows[row].expected++;
    }
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
        row->expected--;
    }
    table->truths[entry].link_next = 0;
}

void
expected_hand_on(struct table *table, uint32_t entry, uint32_t row)
{
    uint32_t first = table->truths[entry].first_ref;
    LODE_ASSERT(first != 0);
    if (entry_state(table, entry) != LODE_ENTRY_EXPECTED ||
        expected_row(table, entry) != &table->truth_rows[row]) {
        return;
    }
    expected_discharge(table, entry);
    expected_charge(table, entry, table->refs[first - 1].row);
}
