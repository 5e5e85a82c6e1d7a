/*
 * connection.h: what the loop's epoll tells of a session. A new connection becomes a session; its
 * socket brings packets, its doorbell says that there is something in its ring.
 */
#ifndef LODE_STORE_SESSIONS_CONNECTION_H
#define LODE_STORE_SESSIONS_CONNECTION_H

#include "store/state/store.h"

/* Takes a connection over; on failure closes it. Errors: LODE_ENOMEM, LODE_ESYS, LODE_EDENIED. */
LODE_MUST_CHECK lode_err connection_accept(struct store *store, int fd);

/*
 * Ends the oldest connection that has not said HELLO, to make room for another one. False: there is
 * none, or what it has said is only waiting to be read.
 */
bool connection_end_silent(struct store *store);

/* Has epoll tell when the socket takes more, exactly while packets are kept for the session. */
void connection_want_output(struct store *store, struct session *session);

#endif
