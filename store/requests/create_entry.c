#include "store/requests/create_entry.h"

#include "api/base/fail.h"
#include "store/objects/drafts.h"
#include "store/objects/lists.h"
#include "store/objects/own.h"
#include "store/objects/quota.h"
#include "store/objects/status.h"
#include "store/objects/strides.h"
#include "store/rings/asking.h"
#include "store/table/refs.h"

#include <string.h>

/* ---- holds ---- */

static lode_err
hold(struct store *store, const struct create *create, uint32_t container, uint32_t at)
{
    lode_id id;
    uint32_t held;
    memcpy(&id, create->rest + at * sizeof id, sizeof id);
    enum lode_found status = asking_status(store, id, NULL);
    if (!table_find(&store->table, id, &held)) {
        if (status != LODE_FOUND_PENDING || !lode_id_is_promised(id)) {
            return lode_fail_with(LODE_EGONE,
                                  "id %u of %u in `holds`, counted from 0, is of no object", at,
                                  create->hold_count);
        }
        LODE_TRY(quota_expect(store, create->session, id, &held));
    }
    if (lode_id_kind(id) == LODE_ID_NAME || status == LODE_FOUND_GONE || held == container) {
        return lode_fail_with(LODE_EINVAL, "an object cannot hold a name, itself, or what is gone");
    }
    return hold_add(&store->table, container, held);
}

static lode_err
add_holds(struct store *store, const struct create *create, uint32_t entry)
{
    for (uint32_t i = 0; i < create->hold_count; i++) {
        LODE_TRY(hold(store, create, entry, i));
    }
    return LODE_OK;
}

/* ---- making ---- */

/* The entry of the id, or a fresh one. Errors: those of table_take(). */
static lode_err
find_entry(struct store *store, lode_id id, enum lode_entry_state *from_out, uint32_t *entry_out)
{
    static const lode_id zero;
    *from_out = LODE_ENTRY_EXPECTED;
    if (!lode_id_same(id, zero) && table_find(&store->table, id, entry_out)) {
        own_arrived(store, *entry_out, id);
        return LODE_OK;
    }
    *from_out = LODE_ENTRY_FREE;
    LODE_TRY(table_take(&store->table, id, false, entry_out));
    own_born(store, *entry_out, id);
    own_arrived(store, *entry_out, id);
    return LODE_OK;
}

lode_err
create_entry(struct store *store, const struct create *create, uint64_t extent, uint32_t *entry_out)
{
    struct table *table = &store->table;
    enum lode_entry_state from;
    uint32_t entry;
    /* The client forgets its draft with the SEAL, so a SEAL must not fail for want of memory. */
    lode_err err = status_prepare_made(store, create->desc.id);
    if (err == LODE_OK) {
        err = find_entry(store, create->desc.id, &from, &entry);
    }
    if (err != LODE_OK) {
        if (extent != LODE_EXTENT_INLINE) {
            arena_free(store->arena, extent, create->stored);
        }
        return err;
    }
    object_describe(table, entry, &create->desc, extent, create->stored, create->session->row);
    object_become(table, entry, from, LODE_ENTRY_CREATED);
    lists_draft_link(store, entry, create->session);
    table->truths[entry].flags |= TRUTH_UNREADY; /* its holds drain rings: no commit may name it */
    store->counts.created++;
    if (lode_id_kind(create->desc.id) == LODE_ID_USER && create_is_named(create)) {
        err = ref_take(table, entry, create->session->row);
    }
    if (err == LODE_OK && (create->desc.flags & LODE_ENTRY_STRIDED) && !create->is_put) {
        err = strides_note(&store->strides, entry, create->desc.strides);
    }
    if (err == LODE_OK) {
        err = add_holds(store, create, entry);
    }
    if (err != LODE_OK) {
        draft_abort(store, entry); /* gives the extent back, too */
        return err;
    }
    *entry_out = entry;
    return LODE_OK;
}

/* ---- sealing ---- */

void
create_write(struct store *store, const struct create *create, uint32_t entry)
{
    object_write_strides(&store->table, entry, create->desc.strides);
    if (create->desc.size > 0) {
        memcpy(object_data(&store->table, entry),
               create->rest + create->hold_count * sizeof(lode_id), create->desc.size);
    }
}

void
create_seal(struct store *store, uint32_t entry)
{
    store->table.truths[entry].flags &= ~(uint32_t)TRUTH_UNREADY;
    lists_draft_unlink(store, entry);
    object_become(&store->table, entry, LODE_ENTRY_CREATED, LODE_ENTRY_SEALED);
    own_sealed(store, entry);
}
