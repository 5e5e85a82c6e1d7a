#include "store/objects/own.h"

#include "api/base/assert.h"
#include "store/rings/ring.h"
#include "store/waits/stream.h"
#include "store/objects/strides.h"
#include "store/waits/waits.h"
#include "store/table/expected.h"

/* ---- lists ---- */

/* The head of the list that entries of this session's ids are in; NULL: there is none any more. */
static uint32_t *
own_head(struct store *store, uint64_t number)
{
    struct session *session = store_session(store, number);
    struct ended *ended = &store->ended[number % LODE_SESSION_ROWS];
    if (session != NULL) {
        return &session->own_first;
    }
    return ended->session == number && number != 0 ? &ended->own_first : NULL;
}

static void
own_link(struct store *store, uint32_t entry, uint32_t *head)
{
    struct truth_entry *truth = &store->table.truths[entry];
    truth->own_prev = 0;
    truth->own_next = *head;
    if (*head != 0) {
        store->table.truths[*head - 1].own_prev = entry + 1;
    }
    *head = entry + 1;
    truth->flags |= TRUTH_OWNED;
}

static void
own_unlink(struct store *store, uint32_t entry)
{
    struct truth_entry *truth = &store->table.truths[entry];
    if (!(truth->flags & TRUTH_OWNED)) {
        return;
    }
    if (truth->own_prev != 0) {
        store->table.truths[truth->own_prev - 1].own_next = truth->own_next;
    } else {
        uint32_t *head = own_head(store, lode_id_session(store->table.entries[entry].id));
        LODE_ASSERT(head != NULL && *head == entry + 1);
        *head = truth->own_next;
    }
    if (truth->own_next != 0) {
        store->table.truths[truth->own_next - 1].own_prev = truth->own_prev;
    }
    truth->flags &= ~(uint32_t)TRUTH_OWNED;
}

void
draft_link(struct store *store, uint32_t entry, struct session *session)
{
    struct truth_entry *truth = &store->table.truths[entry];
    truth->link_prev = 0;
    truth->link_next = session->draft_first;
    if (session->draft_first != 0) {
        store->table.truths[session->draft_first - 1].link_prev = entry + 1;
    }
    session->draft_first = entry + 1;
    truth->flags |= TRUTH_DRAFT;
}

void
draft_unlink(struct store *store, uint32_t entry)
{
    struct truth_entry *truth = &store->table.truths[entry];
    if (!(truth->flags & TRUTH_DRAFT)) {
        return;
    }
    if (truth->link_prev != 0) {
        store->table.truths[truth->link_prev - 1].link_next = truth->link_next;
    } else {
        struct session *session = store->by_row[truth->maker_row];
        LODE_ASSERT(session != NULL && session->draft_first == entry + 1);
        session->draft_first = truth->link_next;
    }
    if (truth->link_next != 0) {
        store->table.truths[truth->link_next - 1].link_prev = truth->link_prev;
    }
    truth->flags &= ~(uint32_t)TRUTH_DRAFT;
}

/* ---- birth ---- */

/* The sets of a session in which something of its promised ids is noted. */
struct noted {
    struct lode_births *born, *dropped;
};

/* Those that an id belongs to; NULL: its session has none, or has ended. */
static struct noted
noted_of(const struct store *store, lode_id id)
{
    struct session *session = store_session(store, lode_id_session(id));
    uint64_t top = lode_id_high(id) & 0xffff; /* of the counter */
    bool is_result = lode_id_kind(id) == LODE_ID_RESULT;
    if (session == NULL || !lode_id_is_promised(id) || top != (is_result ? 0 : LODE_ID_RESERVED)) {
        return (struct noted){NULL, NULL};
    }
    return is_result ? (struct noted){&session->births, &session->dropped}
                     : (struct noted){&session->reserved, &session->dropped_reserved};
}

static bool
was_dropped(const struct store *store, lode_id id)
{
    struct noted noted = noted_of(store, id);
    return noted.dropped != NULL && lode_births_has(noted.dropped, lode_id_low(id));
}

bool
own_drop_unborn(struct store *store, lode_id id)
{
    struct noted noted = noted_of(store, id);
    return noted.dropped != NULL && lode_births_note(noted.dropped, lode_id_low(id));
}

void
own_born(struct store *store, uint32_t entry, lode_id id)
{
    uint64_t number = lode_id_session(id);
    uint32_t *head = number == 0 ? NULL : own_head(store, number);
    if (head == NULL) {
        return;
    }
    own_link(store, entry, head);
    if (store_session(store, number) != NULL && lode_id_is_promised(id) &&
        !was_dropped(store, id)) {
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
own_name_draft(struct store *store, uint32_t draft, lode_id id)
{
    uint32_t expected;
    bool known = table_find(&store->table, id, &expected);
    if (!known) {
        table_enter(&store->table, draft, id);
        own_born(store, draft, id);
        return;
    }
    LODE_ASSERT(entry_state(&store->table, expected) == LODE_ENTRY_EXPECTED);
    uint32_t *head = own_head(store, lode_id_session(id));
    own_unlink(store, expected);
    refs_move(&store->table, expected, draft);
    table_enter(&store->table, draft, id);
    if (head != NULL) {
        own_link(store, draft, head);
    }
    object_free(&store->table, expected, LODE_ENTRY_EXPECTED);
}

/* ---- status ---- */

static bool
was_born(const struct store *store, lode_id id)
{
    struct noted noted = noted_of(store, id);
    return noted.born != NULL && lode_births_has(noted.born, lode_id_low(id));
}

bool
own_was_made(const struct store *store, lode_id id)
{
    return own_status(store, id, NULL) == LODE_FOUND_SEALED || was_born(store, id);
}

static void
note_birth(struct store *store, lode_id id)
{
    struct noted noted = noted_of(store, id);
    if (noted.born != NULL) {
        lode_births_note(noted.born, lode_id_low(id));
        lode_births_forget(noted.dropped, lode_id_low(id));
    }
}

static bool
may_come(const struct store *store, lode_id id)
{
    uint64_t number = lode_id_session(id);
    switch (lode_id_kind(id)) {
    case LODE_ID_USER:
    case LODE_ID_NAME:
        return true;
    case LODE_ID_RESULT:
        return number != 0 && !was_born(store, id) &&
               (store_session(store, number) != NULL ||
                store->ended[number % LODE_SESSION_ROWS].session == number);
    case LODE_ID_PUT:
        return lode_id_is_reserved(id) && !was_born(store, id) &&
               store_session(store, number) != NULL;
    default:
        return false;
    }
}

enum lode_found
own_status(const struct store *store, lode_id id, uint32_t *entry_out)
{
    uint32_t entry;
    if (!table_find(&store->table, id, &entry)) {
        return may_come(store, id) ? LODE_FOUND_PENDING : LODE_FOUND_GONE;
    }
    if (entry_is_sealed(&store->table, entry)) {
        if (entry_out != NULL) {
            *entry_out = entry;
        }
        return LODE_FOUND_SEALED;
    }
    bool coming = entry_state(&store->table, entry) == LODE_ENTRY_CREATED ||
                  (store->table.truths[entry].flags & TRUTH_PROMISED) || may_come(store, id);
    return coming ? LODE_FOUND_PENDING : LODE_FOUND_GONE;
}

enum lode_found
own_ask(struct store *store, lode_id id, uint32_t *entry_out)
{
    enum lode_found status = own_status(store, id, entry_out);
    if (status == LODE_FOUND_SEALED) {
        return status;
    }
    if (lode_id_kind(id) == LODE_ID_PUT) {
        struct session *maker = store_session(store, lode_id_session(id));
        if (maker != NULL) {
            ring_drain(store, maker);
        }
    } else if (lode_id_kind(id) == LODE_ID_RESULT) {
        ring_drain_makers(store);
    }
    return own_status(store, id, entry_out);
}

void
own_sealed(struct store *store, uint32_t entry)
{
    const struct lode_entry *at = &store->table.entries[entry];
    store->counts.sealed++;
    note_birth(store, at->id);
    waits_tell(store, at->id, LODE_FOUND_SEALED, at->kind == LODE_KIND_ERROR);
    stream_decided(store, at->id);
    candidate_add(&store->table, entry); /* if nobody refers to it */
}

/* ---- the end ---- */

/* Whether an EXPECTED entry in the place of a draft would say more than none. */
static bool
is_remembered(const struct store *store, uint32_t draft)
{
    const struct truth_entry *truth = &store->table.truths[draft];
    lode_id id = store->table.entries[draft].id;
    bool birth = truth->flags & TRUTH_BIRTH, promised = truth->flags & TRUTH_PROMISED;
    if (!lode_id_is_promised(id)) {
        return lode_id_kind(id) == LODE_ID_USER && truth->refs != 0;
    }
    if (!may_come(store, id)) {
        return promised && store->scheduler_count > 0;
    }
    bool dropped = !birth && store_session(store, lode_id_session(id)) != NULL;
    return promised || dropped || truth->refs != birth;
}

void
own_leave_id(struct store *store, uint32_t draft)
{
    struct table *table = &store->table;
    lode_id id = table->entries[draft].id;
    /* Used up: not all who wait for it can be told why. But not by a request that is not answered. */
    if (lode_id_is_reserved(id) && !(table->truths[draft].flags & TRUTH_UNREADY)) {
        note_birth(store, id);
        stream_decided(store, id);
    }
    uint32_t fresh, row = table->truths[draft].maker_row;
    if (!(table->truths[draft].flags & TRUTH_IN_TABLE)) {
        return;
    }
    if (lode_id_kind(id) == LODE_ID_USER) {
        ref_drop(table, draft, row, false); /* what it took with the CREATE */
    }
    bool owned = table->truths[draft].flags & TRUTH_OWNED;
    bool remembered = is_remembered(store, draft);
    table_remove(table, draft);
    own_unlink(store, draft);
    if (remembered && table_take(table, id, false, &fresh) == LODE_OK) {
        object_become(table, fresh, LODE_ENTRY_FREE, LODE_ENTRY_EXPECTED);
        refs_move(table, draft, fresh);
        if (owned) {
            own_link(store, fresh, own_head(store, lode_id_session(id)));
        }
        struct session *maker = store_session(store, lode_id_session(id));
        if (maker != NULL && expected_row(table, fresh) == NULL) {
            expected_charge(table, fresh, maker->row);
        }
    } else if (lode_id_kind(id) == LODE_ID_RESULT &&
               own_status(store, id, NULL) == LODE_FOUND_GONE) {
        waits_tell(store, id, LODE_FOUND_GONE, false);
    }
}

void
own_free(struct store *store, uint32_t entry, enum lode_entry_state from)
{
    own_unlink(store, entry);
    draft_unlink(store, entry);
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
    /* Nobody wants it any more. What may still come is freed when it does. */
    if (lode_id_kind(id) == LODE_ID_USER || !may_come(store, id) || own_drop_unborn(store, id)) {
        own_free(store, entry, LODE_ENTRY_EXPECTED);
    }
}

static void
tell_gone(struct store *store, uint32_t entry)
{
    waits_tell(store, store->table.entries[entry].id, LODE_FOUND_GONE, false);
    own_free(store, entry, LODE_ENTRY_EXPECTED);
}

void
own_end_session(struct store *store, struct session *session)
{
    struct ended *ended = &store->ended[session->number % LODE_SESSION_ROWS];
    uint32_t first = session->own_first, next;
    session->own_first = 0;
    if (ended->session != 0) {
        own_settled(store, ended->session);
    }
    if (store->scheduler_count > 0 && !session->results_told) {
        ended->session = session->number;
    }
    for (uint32_t number = first; number != 0; number = next) {
        struct truth_entry *truth = &store->table.truths[number - 1];
        next = truth->own_next;
        truth->flags &= ~(uint32_t)TRUTH_OWNED;
        ref_end_birth(&store->table, number - 1);
        if (entry_state(&store->table, number - 1) != LODE_ENTRY_EXPECTED) {
            continue;
        }
        if (truth->flags & TRUTH_PROMISED) {
            continue;
        }
        if (may_come(store, store->table.entries[number - 1].id)) {
            own_link(store, number - 1, &ended->own_first);
        } else {
            tell_gone(store, number - 1);
        }
    }
    waits_recheck(store, session->number);
}

void
own_settled(struct store *store, uint64_t session)
{
    struct ended *ended = &store->ended[session % LODE_SESSION_ROWS];
    if (ended->session != session || session == 0) {
        return;
    }
    uint32_t next, first = ended->own_first;
    ended->session = 0;
    ended->own_first = 0;
    for (uint32_t number = first; number != 0; number = next) {
        struct truth_entry *truth = &store->table.truths[number - 1];
        next = truth->own_next;
        truth->flags &= ~(uint32_t)TRUTH_OWNED;
        if (entry_state(&store->table, number - 1) == LODE_ENTRY_EXPECTED &&
            !(truth->flags & TRUTH_PROMISED)) {
            tell_gone(store, number - 1);
        }
    }
    waits_recheck(store, session);
}

void
own_settle_all(struct store *store)
{
    for (uint32_t i = 0; i < STORE_ENDED_MAX; i++) {
        if (store->ended[i].session != 0) {
            own_settled(store, store->ended[i].session);
        }
    }
    /* What the scheduler promised, nobody makes any more. */
    for (uint32_t entry = 0; entry < store->table.entry_count; entry++) {
        if (store->table.truths[entry].flags & TRUTH_PROMISED &&
            entry_state(&store->table, entry) == LODE_ENTRY_EXPECTED) {
            store->table.truths[entry].flags &= ~(uint32_t)TRUTH_PROMISED;
            tell_gone(store, entry);
        }
    }
}
