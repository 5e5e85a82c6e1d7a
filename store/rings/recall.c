#include "store/rings/recall.h"

#include "api/base/clock.h"
#include "api/system/membarrier.h"
#include "store/rings/credit.h"

#include <errno.h>

bool
recall_reaches(const struct store *store, const struct session *session)
{
    return (session->flags & LODE_HELLO_FENCED) != 0 && !store->cannot_recall;
}

/* Whose credit is recalled, besides that of `own`. */
struct who {
    const struct session *own;
    int64_t spent_until, granted_until; /* who has done neither after that */
};

static bool
is_candidate(const struct session *session, const struct who *who)
{
    return !session->ended && !session->left && !session->cut &&
           (session == who->own ||
            (session->active_ns <= who->spent_until && session->granted_ns <= who->granted_until));
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
hide_all(struct store *store, const struct who *who)
{
    bool any = false;
    for (uint32_t i = 0; i < store->session_count; i++) {
        struct session *session = store->sessions[i];
        if (!is_candidate(session, who)) {
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

/* Of those that were hidden: how many sessions gave theirs back. */
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

static uint64_t
recall_from(struct store *store, const struct who *who)
{
    uint64_t taken = 0;
    if (hide_all(store, who)) {
        bool fenced = lode_membarrier();
        store->cannot_recall = !fenced && errno != ENOMEM; /* memory may be had again */
        taken = take_hidden(store, fenced);
    }
    store->counts.credit_recalls += taken;
    return taken;
}

bool
recall(struct store *store, const struct session *own)
{
    int64_t now = lode_now_ns();
    bool of_all = now >= store->recall_again_ns;
    int64_t idle_since = of_all ? now - RECALL_IDLE_NS : INT64_MIN;
    struct who who = {.own = own, .spent_until = idle_since, .granted_until = INT64_MAX};
    if (store->cannot_recall || (!of_all && own == NULL)) {
        return false;
    }
    uint64_t taken = recall_from(store, &who);
    if (of_all && taken == 0) {
        store->recall_again_ns = now + RECALL_PAUSE_NS;
    }
    return taken > 0;
}

void
recall_on_tick(struct store *store)
{
    if (store->cannot_recall || !credit_is_withheld(store)) {
        (void)recall(store, NULL);
        return;
    }
    struct who who = {.spent_until = INT64_MAX, .granted_until = lode_now_ns() - RECALL_IDLE_NS};
    (void)recall_from(store, &who);
}
