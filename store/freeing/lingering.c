#include "store/freeing/lingering.h"

#include "store/freeing/ending.h"
#include "store/freeing/freeing.h"
#include "store/state/pins.h"

void
lingering_begin(struct store *store, struct session *session)
{
    session->lingers = true;
    store->lingering_count++;
}

void
lingering_end(struct store *store, struct session *session)
{
    if (session->lingers) {
        session->lingers = false;
        store->lingering_count--;
    }
}

void
lingering_look(struct store *store, struct session *session)
{
    if (session->lingers &&
        (session->pidfd < 0 || (session->draft_first == 0 && !pins_any(session)))) {
        lingering_end(store, session);
        ending_go_on(store, session);
        freeing_revisit(store);
    }
}

void
lingering_reap(struct store *store)
{
    for (uint32_t i = 0; store->lingering_count > 0 && i < store->session_count; i++) {
        lingering_look(store, store->sessions[i]);
    }
}
