#include "api/client/store/checks.h"
#include "api/client/store/many.h"

/*
 * Of a chosen id (the user's own) that is not in the index the store knows no more than the index
 * does: nothing. So it is not asked, if the reader's miss is certain: the table was not rewritten
 * meanwhile (index.h [3]), and no entry has the id. An entry that is being written, or looked at by
 * the store, may be there yet.
 */
static bool
must_be_asked(struct lode_many *m, size_t i, uint64_t hash)
{
    uint64_t word;
    const struct lode_entry *entry = lode_index_find(&m->db->index, m->ids[i], hash, &word);
    if (entry != NULL && lode_word_readable(word)) {
        lode_many_mark(m, i);
        return false;
    }
    return entry != NULL || lode_id_kind(m->ids[i]) != LODE_ID_USER;
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
        if (!m->ready[first + i] && must_be_asked(m, first + i, hash[i])) {
            LODE_TRY(lode_checks_add(checks, first + i));
        }
    }
    return LODE_OK;
}

static lode_err
check_each(struct lode_many *m, struct lode_checks *checks)
{
    for (size_t i = 0; i < m->count && m->ready_count < m->want; i += LODE_MANY_BATCH) {
        size_t left = m->count - i;
        LODE_TRY(check_batch(m, checks, i, left < LODE_MANY_BATCH ? left : LODE_MANY_BATCH));
    }
    return lode_checks_flush(checks);
}

static lode_err
check_all(struct lode_many *m, struct lode_checks *checks)
{
    for (size_t i = 0; i < m->count && m->ready_count < m->want; i++) {
        if (!m->ready[i]) {
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

/*
 * The store drains all rings, and then tells of the ids that are missing. Of few ids it is asked in
 * the same question. Of many it is asked after a second look, which finds what was in the rings.
 */
static lode_err
check_missing(struct lode_many *m, struct lode_checks *checks)
{
    if (m->count - m->ready_count <= LODE_STORE_IDS_MAX) {
        return check_all(m, checks);
    }
    LODE_TRY(lode_checks_flush(checks));
    uint64_t table = table_of(m);
    LODE_TRY(check_each(m, checks));
    return table_of(m) == table ? LODE_OK : check_all(m, checks);
}

static void
found(void *arg, size_t at)
{
    lode_many_mark(arg, at);
}

lode_err
lode_many_check_now(struct lode_many *m)
{
    struct lode_checks *checks;
    LODE_TRY(lode_checks_begin(m->db, m->ids, true, m->patience->answer_by, found, m, &checks));
    lode_err err = check_missing(m, checks);
    lode_checks_end(checks);
    return err;
}
