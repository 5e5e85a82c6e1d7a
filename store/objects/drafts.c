#include "store/objects/drafts.h"

#include "store/objects/own.h"
#include "store/waits/waits.h"

void
draft_abort(struct store *store, uint32_t entry)
{
    lode_id id = store->table.entries[entry].id;
    bool known = store->table.truths[entry].flags & TRUTH_IN_TABLE;
    store->counts.aborted++;
    own_leave_id(store, entry);
    own_free(store, entry, LODE_ENTRY_CREATED);
    /* No abort ends the wait for a result: a retry may make it; nor what the maker never had. */
    bool may_come = lode_id_is_reserved(id) && own_status(store, id, NULL) == LODE_FOUND_PENDING;
    if (known && lode_id_kind(id) != LODE_ID_RESULT && !may_come) {
        waits_tell(store, id, LODE_FOUND_ABORTED, false);
    }
}
