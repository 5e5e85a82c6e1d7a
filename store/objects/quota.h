/*
 * quota.h: how many ids without an object a session may refer to. Each takes an EXPECTED entry of
 * the one table that all sessions share (table/expected.h).
 *
 *   ids of other sessions  LODE_SESSION_EXPECTED_MAX
 *   ids of its own         LODE_SESSION_EXPECTED_OWN_MAX
 */
#ifndef LODE_STORE_OBJECTS_QUOTA_H
#define LODE_STORE_OBJECTS_QUOTA_H

#include "store/state/store.h"

/* Whether the session may refer to one more id of another. Errors: LODE_ELIMIT. */
LODE_MUST_CHECK lode_err quota_check(const struct store *store, const struct session *session);

/*
 * After quota_take() of the id has failed: whether that was for the quota. The session could have
 * known that. False: it was for something that all sessions share.
 */
bool quota_refuses(const struct store *store, const struct session *session, lode_id id);

/* own_expect() for an id, with which the session is charged. Errors: LODE_ELIMIT, LODE_EFULL. */
LODE_MUST_CHECK lode_err quota_expect(struct store *store, struct session *session, lode_id id,
                                      uint32_t *entry_out);

/*
 * Takes one more reference for the session, to an object or to an id whose object may still come.
 * For an id whose object is gone for good it does nothing. Errors: LODE_ELIMIT, LODE_EFULL; no
 * reference was taken.
 */
LODE_MUST_CHECK lode_err quota_take(struct store *store, struct session *session, lode_id id);

#endif
