/*
 * stream.h: sessions that hand over one reserved id after the other to a client that waits for each
 * (index.h [6]).
 *
 * A session becomes a stream with the first wait for one of its reserved ids. From then on it rings
 * the store for each of its reserved ids, and the store wakes the bucket of each one that is
 * sealed. The client that waits for the next id then need not tell the store that it waits. So the
 * store is woken once for a handoff, not twice.
 *
 * A session stops being a stream when its last STREAM_IDLE ids woke no client, or when it ends. The
 * store then wakes all buckets, and each client that still waits tells the store so.
 */
#ifndef LODE_STORE_WAITS_STREAM_H
#define LODE_STORE_WAITS_STREAM_H

#include "store/state/store.h"

enum { STREAM_IDLE = 32 };

/*
 * A client waits for the id. If it is reserved, its session is a stream from now on. The caller
 * sees to it that asking_waits() (rings/asking.h) is called before the loop sleeps.
 */
void stream_awaited(struct store *store, lode_id id);

/* The id was sealed or given up: marks its bucket to be woken, if its session is a stream. */
void stream_decided(struct store *store, lode_id id);

/* The session is no stream any more: marks all buckets, so that clients say that they wait. */
void stream_end(struct store *store, struct session *session);

#endif
