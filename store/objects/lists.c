#include "store/objects/lists.h"

#include "api/base/assert.h"

uint32_t *
lists_own(struct store *store, uint64_t number)
{
    struct session *session = store_session(store, number);
    struct ended *ended = &store->ended[number % LODE_SESSION_ROWS];
    if (session != NULL) {
        return &session->own_first;
    }
    return ended->session == number && number != 0 && !ended->is_settled ? &ended->own_first : NULL;
}

/* The list whose first entry this is. A session may have ended, and its end not be over yet. */
static uint32_t *
head_of(struct store *store, uint32_t entry)
{
    uint64_t number = lode_id_session(store->table.entries[entry].id);
    struct session *session = store->by_row[number % LODE_SESSION_ROWS];
    if (session != NULL && session->number == number && session->own_first == entry + 1) {
        return &session->own_first;
    }
    uint32_t *head = &store->ended[number % LODE_SESSION_ROWS].own_first;
    LODE_ASSERT(*head == entry + 1);
    return head;
}

void
lists_own_link(struct store *store, uint32_t entry, uint32_t *head)
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

void
lists_own_replace(struct store *store, uint32_t from, uint32_t to)
{
    struct truth_entry *truths = store->table.truths, *old = &truths[from], *new = &truths[to];
    if (!(old->flags & TRUTH_OWNED)) {
        return;
    }
    new->own_prev = old->own_prev;
    new->own_next = old->own_next;
    if (old->own_prev != 0) {
        truths[old->own_prev - 1].own_next = to + 1;
    } else {
        *head_of(store, from) = to + 1;
    }
    if (old->own_next != 0) {
        truths[old->own_next - 1].own_prev = to + 1;
    }
    old->flags &= ~(uint32_t)TRUTH_OWNED;
    new->flags |= TRUTH_OWNED;
}

void
lists_own_unlink(struct store *store, uint32_t entry)
{
    struct truth_entry *truth = &store->table.truths[entry];
    if (!(truth->flags & TRUTH_OWNED)) {
        return;
    }
    if (truth->own_prev != 0) {
        store->table.truths[truth->own_prev - 1].own_next = truth->own_next;
    } else {
        *head_of(store, entry) = truth->own_next;
    }
    if (truth->own_next != 0) {
        store->table.truths[truth->own_next - 1].own_prev = truth->own_prev;
    }
    truth->flags &= ~(uint32_t)TRUTH_OWNED;
}

void
lists_draft_link(struct store *store, uint32_t entry, struct session *session)
{
    struct truth_entry *truth = &store->table.truths[entry];
    truth->link_prev = 0;
    truth->link_next = session->draft_first;
    if (session->draft_first != 0) {
        store->table.truths[session->draft_first - 1].link_prev = entry + 1;
    }
    session->draft_first = entry + 1;
    store->draft_bytes += truth->stored;
    truth->flags |= TRUTH_DRAFT;
}

void
lists_draft_unlink(struct store *store, uint32_t entry)
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
    store->draft_bytes -= truth->stored;
    truth->flags &= ~(uint32_t)TRUTH_DRAFT;
}
