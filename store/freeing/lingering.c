#include "store/freeing/lingering.h"

#include "store/objects/drafts.h"
#include "store/objects/lost.h"
#include "store/freeing/freeing.h"
#include "store/state/file.h"
#include "store/state/pins.h"

#include <stdlib.h>
#include <unistd.h>

void
lingering_bury(struct store *store, struct session *session)
{
    if (!session->listed_dead) {
        session->listed_dead = true;
        session->next_dead = store->dead;
        store->dead = session;
    }
}

void
lingering_finish(struct store *store, struct session *session)
{
    while (session->draft_first != 0) {
        draft_abort(store, session->draft_first - 1);
    }
    freeing_unpinned(store, session);
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
    lingering_bury(store, session);
}

void
lingering_reap(struct store *store)
{
    for (uint32_t i = store->session_count; i-- > 0;) {
        struct session *session = store->sessions[i];
        bool done = session->ended &&
                    (session->pidfd < 0 || (session->draft_first == 0 && !pins_any(session)));
        if (done) {
            lingering_finish(store, session);
            freeing_revisit(store);
        }
    }
}

void
lingering_free_dead(struct store *store)
{
    while (store->dead != NULL) {
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
