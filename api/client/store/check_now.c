#include "api/client/store/checks.h"
#include "api/client/store/many.h"

/* ---- the first look ---- */

/* A look at one id misses the cache twice. The misses of a batch are on their way together. */
static void
scan_batch(struct lode_many *m, size_t first, size_t count)
{
    uint64_t hash[LODE_MANY_BATCH];
    for (size_t i = 0; i < count; i++) {
        hash[i] = lode_many_hash(m, m->ids[first + i]);
        lode_index_prefetch_slot(&m->db->index, hash[i]);
    }
    bool may_be[LODE_MANY_BATCH];
    for (size_t i = 0; i < count; i++) {
        may_be[i] = lode_index_prefetch_entry(&m->db->index, hash[i]);
    }
    for (size_t i = 0; i < count; i++) {
        if (may_be[i] && lode_is_there(m->db, m->ids[first + i], hash[i])) {
            lode_many_mark(m, first + i);
        }
    }
}

void
lode_many_scan(struct lode_many *m)
{
    for (size_t i = 0; i < m->count && m->ready_count < m->want; i += LODE_MANY_BATCH) {
        size_t left = m->count - i;
        scan_batch(m, i, left < LODE_MANY_BATCH ? left : LODE_MANY_BATCH);
    }
}

/* ---- the second look ---- */

static void
found(void *arg, size_t at)
{
    struct lode_many *m = arg;
    if (m->has_filter) {
        lode_many_found(m, at);
    } else {
        lode_many_mark(m, at);
    }
}

/* While a filter is armed, notices change what is ready: all ids that it watches are looked at. */
static bool
is_looked_at(const struct lode_many *m, size_t i)
{
    return m->has_filter ? lode_many_is_filtered(m, i) : !m->ready[i];
}

static bool
goes_on(const struct lode_many *m)
{
    return m->has_filter || m->ready_count < m->want;
}

/*
 * Of a chosen id (the user's own) that is not in the index the store knows no more than the index
 * does: nothing. So it is not asked, if the reader's miss is certain: the table was not rewritten
 * meanwhile (index.h [3]), and no entry has the id. An entry that is being written, or looked at by
 * the store, may be there yet. An id among many that lie close is asked about with all of these.
 */
static bool
must_be_asked(struct lode_many *m, size_t i, uint64_t hash)
{
    uint64_t word;
    const struct lode_entry *entry = lode_index_find(&m->db->index, m->ids[i], hash, &word);
    if (entry != NULL && lode_word_readable(word)) {
        found(m, i);
        return false;
    }
    if (lode_id_kind(m->ids[i]) == LODE_ID_USER) {
        return entry != NULL;
    }
    struct lode_span *span = m->has_filter ? lode_spans_of(m->spans, m->ids[i]) : NULL;
    if (span == NULL) {
        return true;
    }
    span->is_asked = true;
    return false;
}

static lode_err
check_batch(struct lode_many *m, struct lode_checks *checks, size_t first, size_t count)
{
    uint64_t hash[LODE_MANY_BATCH];
    for (size_t i = 0; i < count; i++) {
        hash[i] = lode_many_hash(m, m->ids[first + i]);
        lode_index_prefetch_slot(&m->db->index, hash[i]);
    }
    for (size_t i = 0; i < count; i++) {
        (void)lode_index_prefetch_entry(&m->db->index, hash[i]);
    }
    for (size_t i = 0; i < count; i++) {
        if (is_looked_at(m, first + i) && must_be_asked(m, first + i, hash[i])) {
            LODE_TRY(lode_checks_add(checks, first + i));
        }
    }
    return LODE_OK;
}

static lode_err
check_each(struct lode_many *m, struct lode_checks *checks)
{
    for (size_t i = 0; i < m->count && goes_on(m); i += LODE_MANY_BATCH) {
        size_t left = m->count - i;
        LODE_TRY(check_batch(m, checks, i, left < LODE_MANY_BATCH ? left : LODE_MANY_BATCH));
    }
    return lode_checks_flush(checks);
}

static lode_err
check_all(struct lode_many *m, struct lode_checks *checks)
{
    for (size_t i = 0; i < m->count && goes_on(m); i++) {
        if (is_looked_at(m, i)) {
            LODE_TRY(lode_checks_add(checks, i));
        }
    }
    return lode_checks_flush(checks);
}

static uint64_t
table_of(const struct lode_many *m)
{
    atomic_thread_fence(memory_order_acquire); /* behind all looks before */
    return atomic_load_explicit(&m->db->index.header->table, memory_order_acquire);
}

/* All of them were looked up in a table that is not the store's any more. */
static lode_err
check_chosen(struct lode_many *m, struct lode_checks *checks)
{
    for (size_t i = 0; i < m->count && goes_on(m); i++) {
        if (is_looked_at(m, i) && lode_id_kind(m->ids[i]) == LODE_ID_USER) {
            LODE_TRY(lode_checks_add(checks, i));
        }
    }
    return lode_checks_flush(checks);
}

/* The store drains all rings, if they have to be. A second look finds what was in them. */
static lode_err
check_many(struct lode_many *m, struct lode_checks *checks)
{
    LODE_TRY(lode_checks_flush(checks));
    uint64_t table = table_of(m);
    LODE_TRY(check_each(m, checks));
    return table_of(m) == table ? LODE_OK : check_chosen(m, checks);
}

lode_err
lode_many_check_now(struct lode_many *m)
{
    struct lode_checks *checks;
    LODE_TRY(lode_checks_begin(m->db, m->ids, true, m->patience->answer_by, found, m, &checks));
    /* Few ids go with the question that has the rings drained. */
    bool few = m->count - m->ready_count <= LODE_STORE_IDS_MAX;
    lode_err err = few ? check_all(m, checks) : check_many(m, checks);
    lode_checks_end(checks);
    return err;
}

static void
found_in_span(void *arg, lode_id id)
{
    lode_many_found_id(arg, id);
}

static lode_err
check_span(struct lode_many *m, struct lode_checks *checks, struct lode_span *span)
{
    lode_err err = LODE_OK;
    uint64_t left = span->last - span->low + 1, count;
    for (uint64_t at = span->low; left > 0 && err == LODE_OK; at += count, left -= count) {
        count = left < LODE_STORE_ROW_MAX ? left : LODE_STORE_ROW_MAX;
        err = lode_checks_span(checks, lode_id_from_words(span->high, at), (uint32_t)count,
                               found_in_span, m);
    }
    span->is_asked = false;
    return err;
}

/* An id of the user's choice comes by no ring: for it alone, none is drained. */
lode_err
lode_many_check_filter(struct lode_many *m)
{
    if (!m->has_filter) {
        return LODE_OK;
    }
    struct lode_checks *checks;
    LODE_TRY(lode_checks_begin(m->db, m->ids, m->has_promised, m->patience->answer_by, found, m,
                               &checks));
    lode_err err = check_many(m, checks);
    for (int i = 0; i < LODE_SPANS_MAX && err == LODE_OK; i++) {
        if (m->spans[i].is_asked) {
            err = check_span(m, checks, &m->spans[i]);
        }
    }
    lode_checks_end(checks);
    return err;
}
