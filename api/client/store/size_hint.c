#include "api/client/session/handle.h"

/* The entry is not pinned: it may be freed, and even be another object's, while it is read. */
uint64_t
lode_session_size_hint(const lode *db, lode_id id)
{
    uint64_t word;
    const struct lode_entry *entry =
        lode_index_find(&db->index, id, lode_id_hash(id, db->index.hash_key), &word);
    return entry != NULL && lode_word_readable(word) ? entry->size : 0;
}
