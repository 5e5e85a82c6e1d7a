#include "store/freeing/ending.h"

#include "store/freeing/freeing.h"
#include "store/objects/decided.h"
#include "store/objects/drafts.h"
#include "store/objects/lost.h"
#include "store/objects/settled.h"
#include "store/state/answers.h"
#include "store/state/doze.h"
#include "store/state/file.h"
#include "store/table/refs.h"
#include "store/waits/waits.h"

#include <stddef.h>
#include <stdlib.h>
#include <unistd.h>

void
ending_bury(struct store *store, struct session *session)
{
    if (!session->listed_dead) {
        session->listed_dead = true;
        session->next_dead = store->dead;
        store->dead = session;
    }
}

static bool
abort_drafts(struct store *store, struct session *session)
{
    for (int i = 0; i < CHORE_PART && session->draft_first != 0; i++) {
        draft_abort(store, session->draft_first - 1);
    }
    return session->draft_first == 0;
}

/*
 * No id leads to the session's drafts any more. Their bytes stay, because the process of the
 * session still runs and may be writing them.
 */
static bool
hide_drafts(struct store *store, struct session *session)
{
    for (int i = 0; i < CHORE_PART && session->hide_next != 0; i++) {
        uint32_t draft = session->hide_next - 1;
        lode_id id = store->table.entries[draft].id;
        session->hide_next = store->table.truths[draft].link_next;
        draft_leave_id(store, draft);
        if (lode_id_kind(id) != LODE_ID_RESULT) {
            decided_add(store, id, LODE_FOUND_ABORTED, false);
        }
    }
    return session->hide_next == 0;
}

static void
free_row(struct store *store, struct session *session)
{
    doze_end(store, session);
    file_close(store, session);
    store->table.truth_rows[session->row] = (struct truth_row){0};
    store->by_row[session->row] = NULL;
    struct session *last = store->sessions[--store->session_count];
    store->sessions[session->slot] = last;
    last->slot = session->slot;
    if (session->pidfd >= 0) {
        close(session->pidfd);
        session->pidfd = -1;
    }
    ending_bury(store, session);
}

static bool
ending_part(struct store *store, struct chore *chore)
{
    struct session *session = (struct session *)((char *)chore - offsetof(struct session, ending));
    if (!waits_end_session(store, session, CHORE_PART) ||
        !refs_end_session(&store->table, session->row, CHORE_PART) ||
        !settled_end_session_part(store, session)) {
        return false;
    }
    if (session->lingers) {
        return hide_drafts(store, session);
    }
    if (!abort_drafts(store, session)) {
        return false;
    }
    if (!session->ended) {
        session_ok(session, session->leave_tag);
        return true;
    }
    if (!freeing_end_pins(store, session)) {
        return false;
    }
    free_row(store, session);
    return true;
}

void
ending_go_on(struct store *store, struct session *session)
{
    chores_give(store, &session->ending, ending_part);
}

void
ending_do_now(struct store *store, struct session *session)
{
    ending_go_on(store, session);
    chores_do_now(store, &session->ending);
}

void
ending_free_dead(struct store *store)
{
    while (store->dead != NULL && !store->has_events) {
        struct session *session = store->dead;
        store->dead = session->next_dead;
        lode_births_clear(&session->births);
        lode_births_clear(&session->reserved);
        lode_births_clear(&session->dropped);
        lode_births_clear(&session->dropped_reserved);
        lost_clear(session);
        free(session);
    }
}
