/*
 * account.h: what one session has of credit: how much it was granted, and how much it has spent, of
 * pages and of entries. Both only grow, except that a recall lowers what was granted to what was
 * spent. What lies between the two the arena and the table hold in reserve.
 *
 * The client sees what was granted in its session's row, and spends up to there without asking. So
 * a grant counts for the client when it is published, and the client's threads that sleep for want
 * of credit are woken after that. Who is granted how much, and when, decides credit.h.
 *
 * Threads: the loop thread. Blocking: never.
 */
#ifndef LODE_STORE_RINGS_ACCOUNT_H
#define LODE_STORE_RINGS_ACCOUNT_H

#include "store/state/store.h"

struct credit {
    uint64_t pages, entries;
};

/* What the session was granted in all its life; and what it has left of that. */
struct credit account_granted(const struct session *session);
struct credit account_left(const struct session *session);

/* Whether it has so much left; and whether it has nothing left. */
bool account_has(const struct session *session, uint64_t pages, uint64_t entries);
bool account_is_empty(const struct session *session);

/*
 * Books what the session has spent. It is only counted here: the allocations for which it is spent
 * take the reserve out of the arena and the table.
 */
void account_spend(struct store *store, struct session *session, uint64_t pages, uint64_t entries);

/* Credit was spent, but no object was made: gives its reserve back to the arena and the table. */
void account_waste(struct store *store, uint64_t pages, uint64_t entries);

/* Books what the caller has reserved for the session. The client does not see it yet. */
void account_grant(struct store *store, struct session *session, uint64_t pages, uint64_t entries);

/* Whether a thread of the client sleeps for want of credit, or is about to. */
bool account_is_waited_for(const struct session *session);

/* Shows the client what it was granted; and wakes its threads that wait for credit or for room. */
void account_publish(struct store *store, const struct session *session);
void account_wake(struct store *store, const struct session *session);

/* Both, if anything was granted since `before`: a thread woken for nothing would ring again. */
void account_publish_news(struct store *store, const struct session *session, struct credit before);

/*
 * The parts of a recall (session.h [4]). The first lowers the limits that the client sees to what
 * it has spent. Then either the second shows what was granted, and wakes threads that have seen
 * less; or the third gives what is not spent back to the arena and the table.
 */
void account_hide(struct store *store, const struct session *session);
void account_show(struct store *store, const struct session *session);
void account_take_back(struct store *store, struct session *session);

#endif
