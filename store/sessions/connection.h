/* connection.h: a new connection becomes a session, whose events go to packets.h. */
#ifndef LODE_STORE_SESSIONS_CONNECTION_H
#define LODE_STORE_SESSIONS_CONNECTION_H

#include "store/state/store.h"

/* Takes a connection over; on failure closes it. Errors: LODE_ENOMEM, LODE_ESYS, LODE_EDENIED. */
LODE_MUST_CHECK lode_err connection_accept(struct store *store, int fd);

#endif
