#include "store/objects/settled.h"

#include "store/objects/decided.h"
#include "store/objects/lists.h"
#include "store/objects/own.h"
#include "store/objects/status.h"

#include <stddef.h>

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

/* What was told of the session's ids is decided by that, entry or no entry: see status.h. */
void
settled_end_session(struct store *store, struct session *session)
{
    struct ended *ended = &store->ended[session->number % LODE_SESSION_ROWS];
    if (ended->session != 0) { /* the one that ended so many sessions ago */
        settled_session(store, ended->session);
        chores_do_now(store, &ended->settling);
    }
    if (store->scheduler_count > 0 && !session->results_told) {
        ended->session = session->number;
    }
    decided_add_session(store, session->number);
}

bool
settled_end_session_part(struct store *store, struct session *session)
{
    struct ended *ended = &store->ended[session->number % LODE_SESSION_ROWS];
    for (int i = 0; session->own_first != 0; i++) {
        uint32_t entry = session->own_first - 1;
        const struct truth_entry *truth = &store->table.truths[entry];
        if (i == CHORE_PART) {
            return false;
        }
        lists_own_unlink(store, entry);
        ref_end_birth(&store->table, entry);
        if (entry_state(&store->table, entry) != LODE_ENTRY_EXPECTED ||
            (truth->flags & TRUTH_PROMISED)) {
            continue;
        }
        if (status_may_come(store, store->table.entries[entry].id)) {
            lists_own_link(store, entry, &ended->own_first);
        } else {
            tell_gone(store, entry);
        }
    }
    return true;
}

static bool
settle_part(struct store *store, struct chore *chore)
{
    struct ended *ended = (struct ended *)((char *)chore - offsetof(struct ended, settling));
    for (int i = 0; ended->own_first != 0; i++) {
        uint32_t entry = ended->own_first - 1;
        if (i == CHORE_PART) {
            return false;
        }
        lists_own_unlink(store, entry);
        if (entry_state(&store->table, entry) == LODE_ENTRY_EXPECTED &&
            !(store->table.truths[entry].flags & TRUTH_PROMISED)) {
            tell_gone(store, entry);
        }
    }
    ended->session = 0;
    ended->is_settled = false;
    return true;
}

void
settled_session(struct store *store, uint64_t session)
{
    struct ended *ended = &store->ended[session % LODE_SESSION_ROWS];
    if (ended->session != session || session == 0 || ended->is_settled) {
        return;
    }
    ended->is_settled = true;
    chores_give(store, &ended->settling, settle_part);
    decided_add_session(store, session);
}

/* Without the scheduler nobody makes the results that it promised. */
static bool
promised_part(struct store *store, struct chore *chore)
{
    struct table_walk *walk = (struct table_walk *)chore;
    for (int i = 0; walk->next < walk->end; i++, walk->next++) {
        uint32_t *flags = &store->table.truths[walk->next].flags;
        if (i == CHORE_LOOKS) {
            return false;
        }
        if (*flags & TRUTH_PROMISED &&
            entry_state(&store->table, walk->next) == LODE_ENTRY_EXPECTED) {
            *flags &= ~(uint32_t)TRUTH_PROMISED;
            tell_gone(store, walk->next);
        }
    }
    return true;
}

void
settled_all(struct store *store)
{
    for (uint32_t i = 0; i < STORE_ENDED_MAX; i++) {
        settled_session(store, store->ended[i].session);
    }
    settled_new_scheduler(store);
    store->promised.next = 0;
    store->promised.end = store->table.entry_count;
    chores_give(store, &store->promised.chore, promised_part);
}

void
settled_new_scheduler(struct store *store)
{
    chores_do_now(store, &store->promised.chore);
}
