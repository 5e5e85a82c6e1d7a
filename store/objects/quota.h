/*
 * quota.h: how many ids of others a session may refer to before they exist: STORE_EXPECTED_MAX, and
 * how many of its own: STORE_EXPECTED_OWN_MAX. Each takes an entry, of which all sessions have one
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

#endif
