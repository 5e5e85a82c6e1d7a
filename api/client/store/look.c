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
