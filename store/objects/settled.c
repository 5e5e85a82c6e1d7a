#include "store/objects/settled.h"

#include "store/objects/decided.h"
#include "store/objects/lists.h"
#include "store/objects/own.h"
#include "store/objects/status.h"

static void
tell_gone(struct store *store, uint32_t entry)
{
    decided_add(store, store->table.entries[entry].id, LODE_FOUND_GONE, false);
    own_free(store, entry, LODE_ENTRY_EXPECTED);
}

void
settled_give_up(struct store *store, lode_id result)
{
    uint32_t entry;
    status_note_made(store, result);
    if (!table_find(&store->table, result, &entry)) {
        decided_add(store, result, LODE_FOUND_GONE, false);
    } else if (entry_state(&store->table, entry) == LODE_ENTRY_EXPECTED) {
        store->table.truths[entry].flags &= ~(uint32_t)TRUTH_PROMISED;
        tell_gone(store, entry);
    }
}

void
settled_end_session(struct store *store, struct session *session)
{
    struct ended *ended = &store->ended[session->number % LODE_SESSION_ROWS];
    uint32_t first = session->own_first, next;
    session->own_first = 0;
    if (ended->session != 0) {
        settled_session(store, ended->session);
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
        if (status_may_come(store, store->table.entries[number - 1].id)) {
            lists_own_link(store, number - 1, &ended->own_first);
        } else {
            tell_gone(store, number - 1);
        }
    }
    decided_add_session(store, session->number);
}

void
settled_session(struct store *store, uint64_t session)
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
    decided_add_session(store, session);
}

void
settled_all(struct store *store)
{
    for (uint32_t i = 0; i < STORE_ENDED_MAX; i++) {
        if (store->ended[i].session != 0) {
            settled_session(store, store->ended[i].session);
        }
    }
    /* Without the scheduler nobody makes the results that it promised. */
    for (uint32_t entry = 0; entry < store->table.entry_count; entry++) {
        if (store->table.truths[entry].flags & TRUTH_PROMISED &&
            entry_state(&store->table, entry) == LODE_ENTRY_EXPECTED) {
            store->table.truths[entry].flags &= ~(uint32_t)TRUTH_PROMISED;
            tell_gone(store, entry);
        }
    }
}
