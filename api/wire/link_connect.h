/*
 * link_connect.h: how a link's pipes come to be, and how all of them end with it.
 */
#ifndef LODE_WIRE_LINK_CONNECT_H
#define LODE_WIRE_LINK_CONNECT_H

#include "api/wire/link_state.h"

/*
 * Listens or dials, as the link was told; a dial's first try is over then. close is right also
 * after a failure. Errors: as listen.
 */
LODE_MUST_CHECK lode_err lode_link_open_pipes(struct lode_link *link);

/* Ends everything of the link that runs: no callback is under way once this returns. */
void lode_link_close_pipes(struct lode_link *link);

#endif
