#include "api/base/fail.h"
#include "api/client/store/view.h"
#include "api/wire/error_msg.h"

#include <lode/task.h>
#include <stdio.h>

/* The parts of an error object; pointers into its bytes. */
struct parts {
    struct lode_error_object head;
    const char *function, *message, *backtrace;
};

static const char *
next_text(const char **at, const char *end)
{
    const char *text = *at;
    const char *zero = text < end ? memchr(text, '\0', (size_t)(end - text)) : NULL;
    if (zero == NULL) {
        return NULL;
    }
    *at = zero + 1;
    return text;
}

static lode_err
parse(const void *bytes, size_t size, struct parts *parts_out)
{
    struct parts parts;
    const char *at = (const char *)bytes + sizeof parts.head;
    const char *end = (const char *)bytes + size;
    if (size >= sizeof parts.head) {
        memcpy(&parts.head, bytes, sizeof parts.head);
        parts.function = next_text(&at, end);
        parts.message = parts.function != NULL ? next_text(&at, end) : NULL;
        parts.backtrace = parts.message != NULL ? next_text(&at, end) : NULL;
        bool known = parts.head.magic == LODE_ERROR_MAGIC && parts.head.code > LODE_OK &&
                     parts.head.code <= LODE_ELIMIT;
        if (known && parts.backtrace != NULL) {
            *parts_out = parts;
            return LODE_OK;
        }
    }
    return lode_fail_with(LODE_ECORRUPT, "an error object of %zu bytes makes no sense", size);
}

lode_err
lode_error_object_fail(const void *bytes, size_t size)
{
    struct parts parts;
    LODE_TRY(parse(bytes, size, &parts));
    lode_err code = (lode_err)parts.head.code;
    const char *function = parts.function[0] != '\0' ? parts.function : "?";
    const char *why = parts.message[0] != '\0' ? parts.message : lode_err_text(code);
    switch (code) {
    case LODE_ECRASHED:
        return lode_fail_with(code, "task %s died: %s", function, why);
    case LODE_ECANCELLED:
        return lode_fail_with(code, "task %s was cancelled: %s", function, why);
    default:
        return lode_fail_with(code, "task %s failed: %s", function, why);
    }
}

static void
fill_failure(const struct parts *parts, lode_failure_info *out)
{
    *out = (lode_failure_info){.code = (lode_err)parts->head.code,
                               .task_code = (lode_err)parts->head.task_code,
                               .pid = parts->head.pid,
                               .signal = parts->head.signal,
                               .exit_status = parts->head.exit_status,
                               .attempt = parts->head.attempt,
                               .may_have_run = parts->head.may_have_run != 0};
    snprintf(out->function, sizeof out->function, "%s", parts->function);
    snprintf(out->message, sizeof out->message, "%s", parts->message);
    snprintf(out->backtrace, sizeof out->backtrace, "%s", parts->backtrace);
}

static lode_err
read_failure(lode *db, const struct lode_entry *entry, lode_failure_info *failure_out)
{
    struct parts parts;
    const void *bytes = entry->u.bytes;
    if (entry->kind != LODE_KIND_ERROR) {
        char text[LODE_ID_TEXT_SIZE];
        lode_id_format(entry->id, text);
        return lode_fail_with(LODE_EINVAL, "object %s is no failure: lode_get() gives it", text);
    }
    if (entry->extent != LODE_EXTENT_INLINE) {
        LODE_TRY(lode_segments_read(&db->segments, entry->extent, entry->size, &bytes));
    } else if (entry->size > LODE_INLINE_MAX) {
        return lode_fail_with(LODE_ECORRUPT, "an error object makes no sense");
    }
    LODE_TRY(parse(bytes, entry->size, &parts));
    fill_failure(&parts, failure_out);
    return LODE_OK;
}

lode_err
lode_failure(lode *db, lode_id id, lode_failure_info *failure_out)
{
    struct lode_pinned pinned;
    LODE_TRY(lode_session_check(db));
    if (lode_id_is_zero(id)) {
        return lode_fail_zero_id("lode_failure");
    }
    uint64_t hash = lode_id_hash(id, db->index.hash_key);
    lode_err err = lode_pin(db, id, hash, &pinned);
    if (err == LODE_EAGAIN) {
        lode_view view;
        /* The store's word on an id that is not in the index: gone, or not there yet. */
        err = lode_get(db, id, 0, &view);
        if (err == LODE_OK) {
            lode_release(&view);
        }
        if (err == LODE_EGONE || err == LODE_EABORTED || err == LODE_ETIMEDOUT ||
            err == LODE_EDOWN) {
            return err;
        }
        err = lode_pin(db, id, hash, &pinned);
    }
    if (err != LODE_OK) {
        return err == LODE_EAGAIN ? lode_fail_with(LODE_EGONE, "the object has just gone") : err;
    }
    err = read_failure(db, pinned.entry, failure_out);
    lode_unpin(db, &pinned);
    return err;
}
