#include "store/objects/drafts.h"

#include "api/base/assert.h"
#include "store/objects/decided.h"
#include "store/objects/lists.h"
#include "store/objects/own.h"
#include "store/objects/status.h"
#include "store/table/expected.h"

void
draft_name(struct store *store, uint32_t draft, lode_id id)
{
    uint32_t expected;
    bool known = table_find(&store->table, id, &expected);
    if (!known) {
        table_enter(&store->table, draft, id);
        own_born(store, draft, id);
        return;
    }
    LODE_ASSERT(entry_state(&store->table, expected) == LODE_ENTRY_EXPECTED);
    uint32_t *head = lists_own(store, lode_id_session(id));
    refs_move(&store->table, expected, draft);
    table_enter(&store->table, draft, id);
    if (store->table.truths[expected].flags & TRUTH_OWNED) {
        lists_own_replace(store, expected, draft);
    } else if (head != NULL) {
        lists_own_link(store, draft, head);
    }
    object_free(&store->table, expected, LODE_ENTRY_EXPECTED);
}

/* Whether an EXPECTED entry in the place of the draft would remember a reference. */
static bool
is_remembered(const struct store *store, uint32_t draft)
{
    const struct truth_entry *truth = &store->table.truths[draft];
    lode_id id = store->table.entries[draft].id;
    bool birth = truth->flags & TRUTH_BIRTH, promised = truth->flags & TRUTH_PROMISED;
    if (!lode_id_is_promised(id)) {
        return lode_id_kind(id) == LODE_ID_USER && truth->refs != 0;
    }
    if (!status_may_come(store, id)) {
        return promised && store->scheduler_count > 0;
    }
    bool dropped = !birth && store_session(store, lode_id_session(id)) != NULL;
    return promised || dropped || truth->refs != birth;
}

void
draft_leave_id(struct store *store, uint32_t draft)
{
    struct table *table = &store->table;
    lode_id id = table->entries[draft].id;
    /*
     * A reserved id is used up with its draft. Clients whose wait is not armed at this moment
     * cannot be told that it was aborted: they will find it gone. If the CREATE was not answered,
     * the session never had the draft, and may still put the id.
     */
    if (lode_id_is_reserved(id) && !(table->truths[draft].flags & TRUTH_UNREADY)) {
        status_note_made(store, id);
    }
    uint32_t fresh, row = table->truths[draft].maker_row;
    if (!(table->truths[draft].flags & TRUTH_IN_TABLE)) {
        return;
    }
    if (lode_id_kind(id) == LODE_ID_USER) {
        ref_drop(table, draft, row, false); /* what it took with the CREATE */
    }
    bool remembered = is_remembered(store, draft);
    table_remove(table, draft);
    if (remembered && table_take(table, id, false, &fresh) == LODE_OK) {
        object_become(table, fresh, LODE_ENTRY_FREE, LODE_ENTRY_EXPECTED);
        refs_move(table, draft, fresh);
        lists_own_replace(store, draft, fresh);
        struct session *maker = store_session(store, lode_id_session(id));
        if (maker != NULL && expected_row(table, fresh) == NULL) {
            expected_charge(table, fresh, maker->row);
        }
        return;
    }
    lists_own_unlink(store, draft);
    if (lode_id_kind(id) == LODE_ID_RESULT && status_of(store, id, NULL) == LODE_FOUND_GONE) {
        decided_add(store, id, LODE_FOUND_GONE, false);
    }
}

void
draft_abort(struct store *store, uint32_t entry)
{
    lode_id id = store->table.entries[entry].id;
    bool known = store->table.truths[entry].flags & TRUTH_IN_TABLE;
    bool unanswered = store->table.truths[entry].flags & TRUTH_UNREADY;
    store->counts.aborted++;
    draft_leave_id(store, entry);
    own_free(store, entry, LODE_ENTRY_CREATED);
    /*
     * Those who wait are told that the object was aborted, with two exceptions. A result may still
     * be made by a retry. A reserved id of an unanswered request may still be put by its session.
     */
    bool may_come =
        unanswered && lode_id_is_reserved(id) && status_of(store, id, NULL) == LODE_FOUND_PENDING;
    if (known && lode_id_kind(id) != LODE_ID_RESULT && !may_come) {
        decided_add(store, id, LODE_FOUND_ABORTED, false);
    }
}
