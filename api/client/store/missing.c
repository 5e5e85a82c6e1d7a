#include "api/base/fail.h"
#include "api/client/store/many.h"

#include <stdlib.h>

/* The bits of a place in the table that the index leaves: so others' ids are hardly ever read. */
static uint32_t
tag_of(const struct lode_many *m, uint64_t hash)
{
    return (uint32_t)(hash >> 32) & ~m->index_mask;
}

static bool
is_of(const struct lode_many *m, uint32_t slot, uint32_t tag, lode_id id)
{
    return (slot & ~m->index_mask) == tag && lode_id_same(m->ids[(slot & m->index_mask) - 1], id);
}

static uint32_t *
slot_of(const struct lode_many *m, lode_id id, uint64_t hash)
{
    uint32_t tag = tag_of(m, hash);
    size_t at = hash & m->mask;
    while (m->table[at] != 0 && !is_of(m, m->table[at], tag, id)) {
        at = (at + 1) & m->mask;
    }
    return &m->table[at];
}

static lode_err
make_table(struct lode_many *m)
{
    size_t size = 16, count = m->count;
    for (size_t row = 0; row < m->row_count; row++) {
        count -= m->rows[row].count;
    }
    if (count == 0) {
        return LODE_OK;
    }
    while (size < 2 * count) {
        size *= 2;
    }
    m->has_table = true;
    m->mask = size - 1;
    while (m->index_mask < m->count) {
        m->index_mask = 2 * m->index_mask + 1;
    }
    m->table = calloc(size, sizeof *m->table);
    m->same = calloc(m->count, sizeof *m->same);
    return m->table != NULL && m->same != NULL
               ? LODE_OK
               : lode_fail_with(LODE_ENOMEM, "no memory to wait for %zu objects", m->count);
}

/* Fetches the places of the batch after this one. */
static void
prefetch_slots(const struct lode_many *m, size_t first)
{
    size_t next = first + LODE_MANY_BATCH;
    for (size_t i = next; i < m->count && i < next + LODE_MANY_BATCH; i++) {
        __builtin_prefetch(&m->table[lode_many_hash(m, m->ids[i]) & m->mask], 1);
    }
}

lode_err
lode_many_list_missing(struct lode_many *m)
{
    m->end = m->listed = 0;
    LODE_TRY(make_table(m));
    for (size_t i = 0, row = 0, fetched = 0; i < m->count; i++) {
        if (lode_many_skip_row(m, &row, &i) || m->ready[i]) {
            continue;
        }
        if (i >= fetched) {
            prefetch_slots(m, i);
            fetched = i + LODE_MANY_BATCH;
        }
        uint64_t hash = lode_many_hash(m, m->ids[i]);
        uint32_t *slot = slot_of(m, m->ids[i], hash);
        m->same[i] = *slot != 0 ? *slot & m->index_mask : LODE_MANY_ALONE;
        *slot = tag_of(m, hash) | ((uint32_t)i + 1);
        m->end = i + 1;
        m->listed++;
    }
    return LODE_OK;
}

/* It may be in several rows, and in the table. */
void
lode_many_mark_all(struct lode_many *m, lode_id id)
{
    size_t place;
    for (size_t i = 0; i < m->row_count; i++) {
        if (lode_row_has(&m->rows[i], m->ids, id, &place)) {
            lode_many_mark(m, place);
        }
    }
    uint32_t at = m->has_table ? *slot_of(m, id, lode_many_hash(m, id)) & m->index_mask : 0;
    for (; at != 0 && at != LODE_MANY_ALONE; at = m->same[at - 1]) {
        lode_many_mark(m, at - 1);
    }
}
