#include "store/freeing/lingering.h"

#include "store/freeing/ending.h"
#include "store/freeing/freeing.h"
#include "store/state/pins.h"

void
lingering_reap(struct store *store)
{
    for (uint32_t i = 0; i < store->session_count; i++) {
        struct session *session = store->sessions[i];
        if (session->lingers &&
            (session->pidfd < 0 || (session->draft_first == 0 && !pins_any(session)))) {
            session->lingers = false;
            ending_go_on(store, session);
            freeing_revisit(store);
        }
    }
}
