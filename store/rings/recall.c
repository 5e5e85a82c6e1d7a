#include "store/rings/recall.h"

#include "api/base/clock.h"
#include "api/system/membarrier.h"
#include "store/rings/credit.h"

bool
recall_reaches(const struct store *store, const struct session *session)
{
    return (session->flags & LODE_HELLO_FENCED) != 0 && !store->cannot_recall;
}

static bool
is_candidate(const struct session *session, const struct session *own, int64_t idle_since)
{
    return !session->ended && !session->left && !session->cut &&
           (session == own || session->active_ns <= idle_since);
}

/*
 * session.h [4]: no thread of the client spends, and no record is there that may have. `spending`
 * comes first: a thread that has cleared it has published its record before.
 */
static bool
is_quiet(const struct session *session)
{
    const struct lode_session_header *header = (const struct lode_session_header *)session->file;
    return atomic_load_explicit(&header->spending, memory_order_acquire) == 0 &&
           atomic_load_explicit(&header->ring_tail, memory_order_acquire) == session->ring_head;
}

/* Hides what may be recalled. False: there is nothing. */
static bool
hide_all(struct store *store, const struct session *own, int64_t idle_since)
{
    bool any = false;
    for (uint32_t i = 0; i < store->session_count; i++) {
        struct session *session = store->sessions[i];
        if (!is_candidate(session, own, idle_since)) {
            continue;
        }
        session->starved = false; /* or it would get what comes from the others */
        bool has_some = !credit_has_none(session);
        if (has_some && recall_reaches(store, session) && is_quiet(session)) {
            credit_hide(store, session);
            session->is_hidden = true;
            any = true;
        }
    }
    return any;
}

/* How many sessions gave theirs back. */
static uint64_t
take_hidden(struct store *store, bool fenced)
{
    uint64_t taken = 0;
    for (uint32_t i = 0; i < store->session_count; i++) {
        struct session *session = store->sessions[i];
        if (!session->is_hidden) {
            continue;
        }
        session->is_hidden = false;
        if (fenced && is_quiet(session)) {
            credit_take_back(store, session);
            taken++;
        } else {
            credit_show(store, session);
        }
    }
    return taken;
}

bool
recall(struct store *store, const struct session *own)
{
    int64_t now = lode_now_ns();
    bool of_all = now >= store->recall_again_ns;
    uint64_t taken = 0;
    if (store->cannot_recall || (!of_all && own == NULL)) {
        return false;
    }
    if (hide_all(store, own, of_all ? now - RECALL_IDLE_NS : INT64_MIN)) {
        bool fenced = lode_membarrier();
        store->cannot_recall = !fenced;
        taken = take_hidden(store, fenced);
    }
    if (of_all && taken == 0) {
        store->recall_again_ns = now + RECALL_PAUSE_NS;
    }
    store->counts.credit_recalls += taken;
    return taken > 0;
}
