/*
 * All parts of a record are copied and checked, and the memory for all of them is there, before the
 * first is applied: nothing that follows can fail.
 */
#include "store/rings/commit.h"

#include "api/base/fail.h"
#include "store/objects/own.h"
#include "store/objects/status.h"
#include "store/objects/lists.h"
#include "store/objects/drafts.h"
#include "store/rings/account.h"
#include "store/rings/part.h"
#include "store/objects/strides.h"

#include <string.h>

/*
 * The draft that a part names must be a nameless draft of this session whose CREATE was answered,
 * and no earlier part of this record may have named it.
 */
static lode_err
check_draft(struct store *store, struct session *session, const struct ring_part *part)
{
    static const lode_id zero;
    uint32_t entry = part->draft - 1;
    const struct lode_entry *at = &store->table.entries[entry];
    if (entry >= store->table.entry_count ||
        entry_word(&store->table, entry) != lode_word_make(part->generation, LODE_ENTRY_CREATED) ||
        store->table.truths[entry].maker_session != session->number ||
        !lode_id_same(at->id, zero) ||
        (store->table.truths[entry].flags & (TRUTH_UNREADY | TRUTH_NAMED))) {
        return lode_fail_with(LODE_EPROTO,
                              "a commit names entry %u, which is no draft of its "
                              "session",
                              entry);
    }
    if (at->size != part->desc.size) {
        return lode_fail_with(LODE_EPROTO, "a commit says %llu bytes of a draft of %llu",
                              (unsigned long long)part->desc.size, (unsigned long long)at->size);
    }
    store->table.truths[entry].flags |= TRUTH_NAMED;
    return LODE_OK;
}

static lode_err
check_part(struct store *store, struct session *session, const struct ring_part *part)
{
    uint64_t number = lode_id_session(part->desc.id);
    if (lode_id_kind(part->desc.id) != LODE_ID_RESULT || number == 0) {
        return lode_fail_with(LODE_EPROTO, "a commit of an id that is no result");
    }
    return part->draft != 0 ? check_draft(store, session, part) : LODE_OK;
}

/*
 * Takes the marks off the drafts of the first `count` parts, which were checked and good. A draft
 * that another part names may belong to another session, so it is left alone.
 */
static void
unmark(struct store *store, uint32_t count)
{
    for (uint32_t i = 0; i < count; i++) {
        uint32_t draft = store->scratch->parts[i].draft;
        if (draft != 0) {
            store->table.truths[draft - 1].flags &= ~(uint32_t)TRUTH_NAMED;
        }
    }
}

static lode_err
read_parts(struct store *store, struct session *session, const uint8_t *at, uint64_t left,
           uint32_t count)
{
    uint64_t pages = 0, entries = 0;
    lode_err err = LODE_OK;
    uint32_t good = 0;
    for (uint32_t i = 0; i < count && err == LODE_OK; i++) {
        struct ring_part *part = &store->scratch->parts[i];
        uint64_t size = 0;
        err = part_read(at, left, part, &size);
        if (err == LODE_OK) {
            err = check_part(store, session, part);
            err = err == LODE_OK ? status_prepare_made(store, part->desc.id) : err;
            at += size;
            left -= size;
            pages += part->pages;
            entries += part->draft == 0;
        }
        good += err == LODE_OK;
    }
    unmark(store, good);
    if (err == LODE_OK && !account_has(session, pages, entries)) {
        err = lode_fail_with(LODE_EPROTO, "a commit of %u results without credit", count);
    }
    if (err == LODE_OK) {
        account_spend(store, session, pages, entries);
    }
    return err;
}

static void
refuse_part(struct store *store, const struct ring_part *part)
{
    if (part->draft != 0) {
        draft_abort(store, part->draft - 1);
    } else {
        account_waste(store, part->pages, 1);
    }
}

/* True if this result comes too late: its object is sealed, or was made and is freed by now. */
static bool
is_taken(const struct store *store, lode_id id, bool *expected_out, uint32_t *entry_out)
{
    *expected_out = table_find(&store->table, id, entry_out);
    return (*expected_out && entry_state(&store->table, *entry_out) != LODE_ENTRY_EXPECTED) ||
           status_was_made(store, id);
}

static lode_err
apply_part(struct store *store, struct session *session, const struct ring_part *part)
{
    bool expected;
    uint32_t entry;
    if (is_taken(store, part->desc.id, &expected, &entry)) {
        refuse_part(store, part);
        return LODE_OK;
    }
    store->counts.created++;
    if (part->draft == 0) {
        return part_make(store, session, part, expected ? &entry : NULL);
    }
    uint32_t draft = part->draft - 1;
    lists_draft_unlink(store, draft);
    strides_write(&store->strides, &store->table, draft);
    draft_name(store, draft, part->desc.id);
    object_become(&store->table, draft, LODE_ENTRY_CREATED, LODE_ENTRY_SEALED);
    own_sealed(store, draft);
    return LODE_OK;
}

lode_err
commit_apply(struct store *store, struct session *session, const uint8_t *at, uint64_t left)
{
    struct lode_commit commit;
    if (!(session->flags & LODE_HELLO_MAKER) || left < sizeof commit) {
        return lode_fail_with(LODE_EPROTO, "a commit of a session that makes no results");
    }
    memcpy(&commit, at, sizeof commit);
    RING_COPIED(commit);
    if (commit.count == 0 || commit.count > RING_PARTS_MAX) {
        return lode_fail_with(LODE_EPROTO, "a commit of %u results", commit.count);
    }
    LODE_TRY(read_parts(store, session, at + sizeof commit, left - sizeof commit, commit.count));
    const struct ring_part *parts = store->scratch->parts;
    bool expected;
    uint32_t entry;
    bool late = is_taken(store, parts[0].desc.id, &expected, &entry);
    for (uint32_t i = 0; i < commit.count; i++) {
        if (late) {
            refuse_part(store, &parts[i]);
        } else {
            LODE_TRY(apply_part(store, session, &parts[i]));
        }
    }
    return LODE_OK;
}
