/*
 * stream.h: sessions whose reserved ids are awaited one after the other (index.h [6]).
 *
 * From the first wait for a reserved id on, the session in it is a stream: it rings for each of
 * them, and each that is sealed wakes its bucket. So who waits for the next one need not say so, and
 * the store is woken once a handoff, not twice. A stream ends when nobody was woken by the last
 * STREAM_IDLE of them, or with its session: all buckets are woken then, and who waits says so again.
 */
#ifndef LODE_STORE_WAITS_STREAM_H
#define LODE_STORE_WAITS_STREAM_H

#include "store/state/store.h"

enum { STREAM_IDLE = 32 };

/* Somebody waits for the id; asking_waits() (rings/asking.h) follows before the loop sleeps. */
void stream_awaited(struct store *store, lode_id id);

/* The id was sealed, or given up. */
void stream_decided(struct store *store, lode_id id);

/* Nobody may count on being woken any more. */
void stream_end(struct store *store, struct session *session);

#endif
