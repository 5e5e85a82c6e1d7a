#include "api/client/store/rows.h"

#include "api/layout/id.h"
#include "api/wire/store_msg.h"

/* How far the second id is above the first; 0: they make no row. */
static uint32_t
step_of(lode_id first, lode_id second)
{
    uint64_t step = lode_id_low(second) - lode_id_low(first);
    return lode_id_high(second) == lode_id_high(first) && step <= LODE_STORE_STEP_MAX
               ? (uint32_t)step
               : 0;
}

static struct lode_row
row_at(const lode_id *ids, size_t count, size_t at)
{
    struct lode_row row = {.at = at, .count = 1};
    if (at + 1 == count || lode_id_session(ids[at]) == 0) {
        return row;
    }
    size_t left = count - at;
    uint32_t most = left < LODE_STORE_ROW_MAX ? (uint32_t)left : LODE_STORE_ROW_MAX;
    uint64_t high = lode_id_high(ids[at]), low = lode_id_low(ids[at]);
    row.step = step_of(ids[at], ids[at + 1]);
    while (row.step != 0 && row.count < most && lode_id_high(ids[at + row.count]) == high &&
           lode_id_low(ids[at + row.count]) == low + (uint64_t)row.step * row.count) {
        row.count++;
    }
    return row;
}

size_t
lode_rows_find(const lode_id *ids, size_t count, struct lode_row rows_out[LODE_ROWS_MAX])
{
    size_t found = 0;
    for (size_t at = 0; count - at >= LODE_ROW_LEAST && found < LODE_ROWS_MAX;) {
        struct lode_row row = row_at(ids, count, at);
        if (row.count >= LODE_ROW_LEAST) {
            rows_out[found++] = row;
        }
        at += row.count > 2 ? row.count : 1; /* the second of a pair may begin a row */
    }
    return found;
}

static struct lode_span *
span_at(struct lode_span spans[LODE_SPANS_MAX], uint64_t high)
{
    return &spans[high * UINT64_C(0x9e3779b97f4a7c15) >> 58];
}
_Static_assert(LODE_SPANS_MAX == 1 << (64 - 58), "rows.c");

void
lode_spans_note(struct lode_span spans[LODE_SPANS_MAX], lode_id id)
{
    uint64_t high = lode_id_high(id), low = lode_id_low(id);
    struct lode_span *span = span_at(spans, high);
    if (span->count == 0) {
        *span = (struct lode_span){.high = high, .low = low, .last = low};
    } else if (span->high != high) {
        return;
    }
    span->low = low < span->low ? low : span->low;
    span->last = low > span->last ? low : span->last;
    span->count++;
}

struct lode_span *
lode_spans_of(struct lode_span spans[LODE_SPANS_MAX], lode_id id)
{
    struct lode_span *span = span_at(spans, lode_id_high(id));
    return span->count >= LODE_ROW_LEAST && span->high == lode_id_high(id) &&
                   (span->last - span->low) / LODE_SPAN_LOOSE < span->count
               ? span
               : NULL;
}

bool
lode_row_has(const struct lode_row *row, const lode_id *ids, lode_id id, size_t *at_out)
{
    lode_id first = ids[row->at];
    uint64_t distance = lode_id_low(id) - lode_id_low(first);
    uint64_t i = distance / row->step;
    *at_out = row->at + (size_t)i;
    return lode_id_high(id) == lode_id_high(first) && i < row->count && distance % row->step == 0;
}
