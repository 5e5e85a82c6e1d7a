/*
 * later.h: requests whose answer depends on what is freed. The store frees everything that was
 * dropped before such a request came, and then answers it. If that takes longer than a turn, the
 * request waits here, and the loop serves others meanwhile.
 */
#ifndef LODE_STORE_REQUESTS_LATER_H
#define LODE_STORE_REQUESTS_LATER_H

#include "store/state/store.h"

enum { LATER_PACKET_MAX = 64 };

typedef void later_fn(struct store *store, struct session *session, const void *packet);

/*
 * Frees what was dropped before, and then calls `answer`, now or later, with a copy of the packet's
 * fixed part, of `size` bytes.
 */
void later_do(struct store *store, struct session *session, const void *packet, size_t size,
              later_fn *answer);

/* Answers the requests for which all is freed now. */
void later_answer(struct store *store);

/* Forgets the requests of a session; NULL: of all. */
void later_end_session(struct store *store, const struct session *session);

#endif
