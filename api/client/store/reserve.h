/*
 * reserve.h: ids that a program gives out before it puts anything under them.
 *
 * The store knows which of them were made, but a put by ring does not ask it. So the session
 * remembers which are used up, and refuses a second put itself.
 */
#ifndef LODE_CLIENT_RESERVE_H
#define LODE_CLIENT_RESERVE_H

#include "api/client/session/handle.h"

/* An id of the caller's choice, if it is a reserved one of this session. Errors: LODE_EINVAL. */
LODE_MUST_CHECK lode_err lode_reserved_check(const lode *db, lode_id id);

/*
 * Uses a reserved id up; the ring is locked, and its record is published next.
 * Errors  LODE_EEXIST; LODE_ENOMEM
 */
LODE_MUST_CHECK lode_err lode_reserved_use_locked(lode *db, lode_id id);

/* The store has made it, by a packet: it is used up from now on. Other ids: nothing. */
void lode_reserved_was_made(lode *db, lode_id id);

#endif
