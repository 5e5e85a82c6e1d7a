/*
 * held.h: the answer to a put under an id of the user's choice, which somebody waited for.
 *
 * The waiter is woken first: it has waited longest. On one CPU it runs at once, and often puts an
 * answer of its own, for which the putter will wait next. If the putter had its OK before that, it
 * would run only to fall asleep again. So the OK is held while the store looks once more at its
 * events, without sleeping, and is sent:
 *
 *   - when no event is there, or several are: the store has others to serve, and nobody hands over;
 *   - when the one event that is there was handled;
 *   - when the next put is held, which takes its place.
 *
 * So it comes a round late at most, and the loop does not sleep before. One answer is held at a
 * time. It is no part of what its session has: a session that ends is answered no more.
 */
#ifndef LODE_STORE_REQUESTS_HELD_H
#define LODE_STORE_REQUESTS_HELD_H

#include "store/state/store.h"

/*
 * Tells those who wait for what was put, and then answers the putter: at once if none of them slept
 * and no answer is held, else as above.
 */
void held_answer(struct store *store, struct session *session,
                 const struct lode_msg_created *answer);

/* Sends the answer that is held, if there is one. */
void held_send(struct store *store);

/* The events of a round are handled: sends what was held before it. `any`: and in it. */
void held_round(struct store *store, bool any);

/* Forgets the answer to a session that ends. */
void held_end_session(struct store *store, const struct session *session);

#endif
