/*
 * commit.h: the COMMIT record: the results of one attempt of one task appear in one step, or, if
 * another attempt was first, not at all.
 */
#ifndef LODE_STORE_RINGS_COMMIT_H
#define LODE_STORE_RINGS_COMMIT_H

#include "store/state/store.h"

/* Applies a COMMIT whose bytes begin at `at`. Errors: LODE_EPROTO, LODE_ENOMEM. */
LODE_MUST_CHECK lode_err commit_apply(struct store *store, struct session *session,
                                      const uint8_t *at, uint64_t left);

#endif
