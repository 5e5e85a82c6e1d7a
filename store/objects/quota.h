/*
 * quota.h: how many ids of others a session may refer to before they exist: LODE_SESSION_EXPECTED_MAX, and
 * how many of its own: LODE_SESSION_EXPECTED_OWN_MAX. Each takes an entry, of which all sessions have one
 * table (table/expected.h).
 */
#ifndef LODE_STORE_OBJECTS_QUOTA_H
#define LODE_STORE_OBJECTS_QUOTA_H

#include "store/state/store.h"

/* Errors: LODE_ELIMIT the session is charged with as many ids of others as can be. */
LODE_MUST_CHECK lode_err quota_check(const struct store *store, const struct session *session);

/* own_expect() for what the session refers to, and charges it. Errors: LODE_ELIMIT, LODE_EFULL. */
LODE_MUST_CHECK lode_err quota_expect(struct store *store, struct session *session, lode_id id,
                                      uint32_t *entry_out);

/*
 * One more reference of the session, to an object or to an id that may still come. An id that is
 * gone for good: nothing. Errors: LODE_ELIMIT, LODE_EFULL: no reference was taken.
 */
LODE_MUST_CHECK lode_err quota_take(struct store *store, struct session *session, lode_id id);

#endif
