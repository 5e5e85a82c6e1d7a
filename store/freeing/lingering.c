#include "store/freeing/lingering.h"

#include "store/freeing/ending.h"
#include "store/freeing/freeing.h"
#include "store/state/pins.h"
#include "store/state/programs.h"

void
lingering_begin(struct store *store, struct session *session)
{
    session->lingers = true;
    session->lingers_at = store->lingering_count;
    store->lingering[store->lingering_count++] = session;
}

void
lingering_end(struct store *store, struct session *session)
{
    if (session->lingers) {
        struct session *last = store->lingering[--store->lingering_count];
        store->lingering[session->lingers_at] = last;
        last->lingers_at = session->lingers_at;
        session->lingers = false;
        programs_remove(store, session);
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
    for (uint32_t i = store->lingering_count; i-- > 0;) { /* the last one takes a place */
        lingering_look(store, store->lingering[i]);
    }
}
