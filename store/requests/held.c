#include "store/requests/held.h"

#include "store/state/answers.h"
#include "store/waits/waits.h"
#include "store/waits/wakes.h"

void
held_send(struct store *store)
{
    struct withheld held = store->held;
    store->held.session = NULL;
    if (held.session != NULL) {
        session_send(held.session, &held.answer, sizeof held.answer, NULL, 0);
    }
}

void
held_answer(struct store *store, struct session *session, const struct lode_msg_created *answer)
{
    waits_tell_decided(store);
    if (!wakes_send(store) && store->held.session == NULL) {
        session_send(session, answer, sizeof *answer, NULL, 0);
        return;
    }
    held_send(store); /* it was held for this put */
    store->held = (struct withheld){session, *answer, store->rounds};
}

void
held_round(struct store *store, bool any)
{
    if (any || store->held.round != store->rounds) {
        held_send(store);
    }
}

void
held_end_session(struct store *store, const struct session *session)
{
    if (store->held.session == session) {
        store->held.session = NULL;
    }
}
