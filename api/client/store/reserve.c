#include "api/client/store/reserve.h"

#include "api/base/fail.h"
#include "api/client/session/session.h"

lode_err
lode_reserved_check(const lode *db, lode_id id)
{
    uint64_t counter = lode_id_low(id);
    bool drawn = lode_id_session(id) == db->number &&
                 lode_id_same(id, lode_id_reserve(db->number, counter)) && counter > 0 &&
                 counter <= atomic_load_explicit(&db->reserved, memory_order_relaxed);
    return drawn ? LODE_OK
                 : lode_fail_with(LODE_EINVAL,
                                  "only the session that reserved an id can put under it");
}

static bool
is_made(const lode *db, lode_id id)
{
    uint64_t word;
    const struct lode_entry *entry =
        lode_index_find(&db->index, id, lode_id_hash(id, db->index.hash_key), &word);
    return (entry != NULL && lode_word_state(word) != LODE_ENTRY_EXPECTED) ||
           lode_births_has(&db->reserved_made, lode_id_low(id));
}

lode_err
lode_reserved_use_locked(lode *db, lode_id id)
{
    lode_mutex_assert_held(&db->ring.mu);
    if (is_made(db, id)) {
        return lode_fail_with(LODE_EEXIST, "something was put under this reserved id before");
    }
    return lode_births_note(&db->reserved_made, lode_id_low(id))
               ? LODE_OK
               : lode_fail_with(LODE_ENOMEM, "no memory to remember which reserved ids are used");
}

void
lode_reserved_was_made(lode *db, lode_id id)
{
    if (lode_id_is_reserved(id)) {
        lode_mutex_lock(&db->ring.mu);
        lode_births_note(&db->reserved_made, lode_id_low(id));
        lode_mutex_unlock(&db->ring.mu);
    }
}

lode_err
lode_reserve(lode *db, size_t count, lode_id *ids_out)
{
    LODE_TRY(lode_session_check(db));
    if (count > 0) {
        LODE_NEED("lode_reserve", ids_out);
    }
    uint64_t first = atomic_fetch_add_explicit(&db->reserved, count, memory_order_relaxed) + 1;
    for (size_t i = 0; i < count; i++) {
        ids_out[i] = lode_id_reserve(db->number, first + i);
        lode_hooks_referenced(&db->hooks, ids_out[i], 1);
    }
    return LODE_OK;
}
