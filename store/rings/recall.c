#include "store/rings/recall.h"

#include "api/base/clock.h"
#include "store/rings/credit.h"
#include "store/rings/ring.h"

static bool
is_recallable(const struct session *session, const struct session *own, int64_t now)
{
    return !session->ended && !session->left && !session->cut &&
           (session == own || now - session->active_ns >= RECALL_IDLE_NS);
}

bool
recall(struct store *store, const struct session *own)
{
    int64_t now = lode_now_ns();
    bool any = false, came = false;
    for (uint32_t i = 0; i < store->session_count; i++) {
        struct session *session = store->sessions[i];
        any = (is_recallable(session, own, now) && credit_hide(store, session)) || any;
    }
    if (!any) {
        return false;
    }
    atomic_thread_fence(memory_order_seq_cst); /* session.h [4]: the limits before the tails */
    for (uint32_t i = 0; i < store->session_count; i++) {
        struct session *session = store->sessions[i];
        if (session->is_hidden) {
            ring_drain(store, session);
            came = credit_take_back(store, session) || came;
        }
    }
    return came;
}

bool
recall_entries(struct store *store, const struct session *own)
{
    return table_is_used_up(&store->table) && recall(store, own);
}
