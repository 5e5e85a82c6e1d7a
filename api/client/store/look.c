#include "api/client/store/look.h"

#include "api/client/session/session.h"
#include "api/client/store/get.h"

bool
lode_session_sees(lode *db, lode_id id, bool *is_error_out)
{
    uint64_t hash = lode_id_hash(id, db->index.hash_key), word;
    const struct lode_entry *entry = lode_index_find(&db->index, id, hash, &word);
    if (entry == NULL || !lode_word_readable(word)) {
        return false;
    }
    if (is_error_out != NULL) {
        struct lode_pinned pinned;
        if (lode_pin(db, id, hash, 0, &pinned) != LODE_OK) {
            return false;
        }
        *is_error_out = pinned.entry->kind == LODE_KIND_ERROR;
        lode_unpin(db, &pinned);
    }
    return true;
}

/* The entry is not pinned: it may be freed, and even be another object's, while it is read. */
uint64_t
lode_session_size_hint(const lode *db, lode_id id)
{
    uint64_t word;
    const struct lode_entry *entry =
        lode_index_find(&db->index, id, lode_id_hash(id, db->index.hash_key), &word);
    return entry != NULL && lode_word_readable(word)
               ? __atomic_load_n(&entry->size, __ATOMIC_RELAXED)
               : 0;
}

enum { LARGE_BYTES = 64 << 10 }; /* its room may be waited for: a drop is told at once */

/*
 * Most objects that a program drops are small ones that it put itself, and to look at the entry of
 * each costs two cache misses. So the session has a bit for each large object that it made: the
 * bit of the last digits of its id's counter. While that is not set, the object is small. No bit
 * is cleared: a session that has made many large objects looks at each.
 */
static _Atomic uint64_t *
bit_of(lode *db, lode_id id, uint64_t *mask_out)
{
    uint64_t bit = lode_id_low(id) % (LODE_LARGE_WORDS * 64);
    *mask_out = UINT64_C(1) << bit % 64;
    return &db->large[bit / 64];
}

static bool
is_own_put(const lode *db, lode_id id)
{
    return lode_id_kind(id) == LODE_ID_PUT && lode_id_session(id) == db->number;
}

void
lode_session_note_size(lode *db, lode_id id, uint64_t size_bytes)
{
    if (size_bytes >= LARGE_BYTES && is_own_put(db, id)) {
        uint64_t mask;
        _Atomic uint64_t *word = bit_of(db, id, &mask);
        atomic_fetch_or_explicit(word, mask, memory_order_relaxed);
    }
}

bool
lode_session_is_large(lode *db, lode_id id)
{
    if (is_own_put(db, id)) {
        uint64_t mask;
        _Atomic uint64_t *word = bit_of(db, id, &mask);
        if (!(atomic_load_explicit(word, memory_order_relaxed) & mask)) {
            return false;
        }
    }
    return lode_session_size_hint(db, id) >= LARGE_BYTES;
}

/* lode_view_bytes() populates the bytes that it finds. */
void
lode_prefetch(lode *db, lode_id id)
{
    struct lode_pinned pinned;
    const void *data, *strides;
    if (lode_session_check(db) != LODE_OK || lode_pin(db, id, lode_id_hash(id, db->index.hash_key),
                                                      lode_answer_by(), &pinned) != LODE_OK) {
        return;
    }
    if (lode_view_bytes(db, pinned.entry, lode_answer_by(), &data, &strides) == LODE_OK) {
        __builtin_prefetch(data);
    }
    lode_unpin(db, &pinned);
}
