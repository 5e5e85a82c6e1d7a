/*
 * later.h: requests whose answer counts what is freed: what was dropped before such a request came is
 * freed before it is answered. Where that takes longer than a turn, the request waits here, and the
 * loop serves others meanwhile.
 */
#ifndef LODE_STORE_REQUESTS_LATER_H
#define LODE_STORE_REQUESTS_LATER_H

#include "store/state/store.h"

enum { LATER_PACKET_MAX = 64 };

typedef void later_fn(struct store *store, struct session *session, const void *packet);

/* Frees; then calls `answer` with the packet (its fixed part, of `size` bytes), now or later. */
void later_do(struct store *store, struct session *session, const void *packet, size_t size,
              later_fn *answer);

/* Answers those whose time has come. */
void later_answer(struct store *store);

/* Forgets the requests of a session; NULL: of all. */
void later_end_session(struct store *store, const struct session *session);

#endif
