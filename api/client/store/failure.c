#include "api/base/fail.h"
#include "api/client/session/session.h"
#include "api/client/store/get.h"
#include "api/layout/error_object.h"

#include <lode/task.h>

static lode_err
read_failure(lode *db, const struct lode_entry *entry, int64_t answer_by,
             lode_failure_info *failure_out)
{
    struct lode_error_parts parts;
    const void *bytes = entry->u.bytes;
    if (entry->kind != LODE_KIND_ERROR) {
        char text[LODE_ID_TEXT_SIZE];
        lode_id_format(entry->id, text);
        return lode_fail_with(LODE_EINVAL, "object %s is no failure: lode_get() gives it", text);
    }
    if (entry->extent != LODE_EXTENT_INLINE) {
        LODE_TRY(lode_segments_read(&db->segments, entry->extent, entry->size, answer_by, &bytes));
    } else if (entry->size > LODE_INLINE_MAX) {
        return lode_fail_with(LODE_ECORRUPT, "an error object makes no sense");
    }
    LODE_TRY(lode_error_object_read(bytes, entry->size, &parts));
    lode_error_parts_to_info(&parts, failure_out);
    return LODE_OK;
}

lode_err
lode_failure(lode *db, lode_id id, lode_failure_info *failure_out)
{
    struct lode_pinned pinned;
    LODE_TRY(lode_session_check(db));
    LODE_NEED("lode_failure", failure_out);
    if (lode_id_none(id)) {
        return lode_fail_zero_id("lode_failure");
    }
    uint64_t hash = lode_id_hash(id, db->index.hash_key);
    const struct lode_patience patience = lode_patience_of(0);
    lode_err err = lode_pin(db, id, hash, patience.answer_by, &pinned);
    if (err == LODE_EAGAIN) {
        lode_view view;
        /* The store's word on an id that is not in the index: gone, or not there yet. */
        err = lode_get_within(db, id, &patience, &view);
        if (err == LODE_OK) {
            lode_release(&view);
        }
        if (err == LODE_EGONE || err == LODE_EABORTED || err == LODE_ETIMEDOUT ||
            err == LODE_EDOWN) {
            return err;
        }
        err = lode_pin(db, id, hash, patience.answer_by, &pinned);
    }
    if (err != LODE_OK) {
        return err == LODE_EAGAIN ? lode_fail_with(LODE_EGONE, "the object has just gone") : err;
    }
    err = read_failure(db, pinned.entry, patience.answer_by, failure_out);
    lode_unpin(db, &pinned);
    return err;
}
