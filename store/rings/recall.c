#include "store/rings/recall.h"

#include "api/base/clock.h"
#include "api/system/membarrier.h"
#include "store/rings/account.h"
#include "store/rings/credit.h"
#include "store/rings/holders.h"

#include <errno.h>

bool
recall_reaches(const struct store *store, const struct session *session)
{
    return (session->flags & LODE_HELLO_FENCED) != 0 && !store->cannot_recall;
}

/* Whose credit is recalled, besides that of `own`. */
struct who {
    const struct session *own;
    bool own_alone;
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

/* Else candidates would get what comes from the others. */
static void
feed_no_more(struct store *store, const struct who *who)
{
    for (uint32_t i = store->starved_count; i-- > 0;) {
        if (is_candidate(store->starved[i], who)) {
            holders_starve(store, store->starved[i], false);
        }
    }
}

/* True: what the session has left is hidden from its client. */
static bool
hide(struct store *store, const struct session *session, const struct who *who)
{
    if (!is_candidate(session, who) || !recall_reaches(store, session) || !is_quiet(session)) {
        return false;
    }
    account_hide(store, session);
    return true;
}

/*
 * Hides what may be recalled, and brings its session to the front of the list. Returns how many
 * sessions that are.
 */
static uint32_t
hide_all(struct store *store, const struct who *who)
{
    uint32_t hidden = 0;
    for (uint32_t i = 0; i < store->holder_count;) {
        struct session *session = store->holders[i];
        if (account_is_empty(session)) {
            holders_forget(store, session);
            continue; /* another one has come to this place */
        }
        if (hide(store, session, who)) {
            holders_exchange(store, i, hidden++);
        }
        i++;
    }
    return hidden;
}

static uint32_t
hide_own(struct store *store, const struct who *who)
{
    const struct session *own = who->own;
    if (!own->is_holder || account_is_empty(own) || !hide(store, own, who)) {
        return 0;
    }
    holders_exchange(store, own->holder_at, 0);
    return 1;
}

/* Of the first `hidden` holders: how many gave theirs back. */
static uint64_t
take_hidden(struct store *store, uint32_t hidden, bool fenced)
{
    uint64_t taken = 0;
    while (hidden-- > 0) {
        struct session *session = store->holders[hidden];
        if (fenced && is_quiet(session)) {
            credit_take_back(store, session);
            holders_forget(store, session);
            taken++;
        } else {
            account_show(store, session);
        }
    }
    return taken;
}

static uint64_t
recall_from(struct store *store, const struct who *who)
{
    uint64_t taken = 0;
    feed_no_more(store, who);
    uint32_t hidden = who->own_alone ? hide_own(store, who) : hide_all(store, who);
    if (hidden > 0) {
        bool fenced = lode_membarrier();
        store->cannot_recall = !fenced && errno != ENOMEM; /* memory may be had again */
        taken = take_hidden(store, hidden, fenced);
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
    struct who who = {
        .own = own, .own_alone = !of_all, .spent_until = idle_since, .granted_until = INT64_MAX};
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
