#include "store/objects/own.h"

#include "store/objects/decided.h"
#include "store/objects/lists.h"
#include "store/objects/status.h"
#include "store/objects/strides.h"
#include "store/table/expected.h"

/* ---- birth ---- */

void
own_born(struct store *store, uint32_t entry, lode_id id)
{
    uint64_t number = lode_id_session(id);
    uint32_t *head = number == 0 ? NULL : lists_own(store, number);
    if (head == NULL) {
        return;
    }
    lists_own_link(store, entry, head);
    if (store_session(store, number) != NULL && lode_id_is_promised(id) &&
        !status_was_dropped(store, id)) {
        ref_birth(&store->table, entry);
    }
}

void
own_arrived(struct store *store, uint32_t entry, lode_id id)
{
    if (lode_id_kind(id) == LODE_ID_PUT && !lode_id_is_reserved(id) &&
        store_session(store, lode_id_session(id)) != NULL) {
        ref_birth(&store->table, entry);
    }
}

lode_err
own_expect(struct store *store, lode_id id, uint32_t *entry_out)
{
    LODE_TRY(table_take(&store->table, id, false, entry_out));
    object_become(&store->table, *entry_out, LODE_ENTRY_FREE, LODE_ENTRY_EXPECTED);
    own_born(store, *entry_out, id);
    return LODE_OK;
}

void
own_sealed(struct store *store, uint32_t entry)
{
    const struct lode_entry *at = &store->table.entries[entry];
    store->counts.sealed++;
    status_note_made(store, at->id);
    decided_add(store, at->id, LODE_FOUND_SEALED, at->kind == LODE_KIND_ERROR);
    candidate_add(&store->table, entry); /* if nobody refers to it */
}

/* ---- the end ---- */

void
own_free(struct store *store, uint32_t entry, enum lode_entry_state from)
{
    lists_own_unlink(store, entry);
    lists_draft_unlink(store, entry);
    strides_forget(&store->strides, entry);
    store->freed_room = true;
    object_free(&store->table, entry, from);
}

void
own_forget_expected(struct store *store, uint32_t entry)
{
    const struct truth_entry *truth = &store->table.truths[entry];
    lode_id id = store->table.entries[entry].id;
    if (truth->refs != 0 || (truth->flags & TRUTH_PROMISED)) {
        return;
    }
    /*
     * Nobody refers to the id any more. If its object may still come, that is freed when it does.
     */
    if (lode_id_kind(id) == LODE_ID_USER || !status_may_come(store, id) ||
        status_note_dropped(store, id)) {
        own_free(store, entry, LODE_ENTRY_EXPECTED);
    }
}
