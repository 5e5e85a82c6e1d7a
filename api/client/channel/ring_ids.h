/*
 * ring_ids.h: the records of a ring (ring.h) that name an id and carry nothing: a reference is
 * taken, references are dropped, a thread is about to sleep until an id is decided.
 */
#ifndef LODE_CLIENT_RING_IDS_H
#define LODE_CLIENT_RING_IDS_H

#include "api/client/channel/ring.h"

/*
 * TAKE. Blocks only while the ring is full, 5 s at most. Errors: LODE_EDOWN; LODE_ETIMEDOUT the
 * store is stopped.
 */
LODE_MUST_CHECK lode_err lode_ring_take(struct lode_ring *ring, lode_id id);

/*
 * DROP. Blocks only while the ring is full, 5 s at most. After that the drop is owed, and so are
 * those that follow, at once. now: it is owed if there is no room at this moment. A dead store has
 * nothing to drop.
 */
void lode_ring_drop(struct lode_ring *ring, lode_id id, bool urgent);
void lode_ring_drop_now(struct lode_ring *ring, lode_id id);

/*
 * lode_ring_drop() of `count` ids, 1 to LODE_RING_DROPS_MAX. None is the zero id. Twice as many
 * fit into a ring that has little memory: a drop waits for nothing but room.
 */
enum { LODE_RING_DROPS_MAX = 127 };
void lode_ring_drop_part(struct lode_ring *ring, const lode_id *ids, uint32_t count, bool urgent);

/*
 * WAIT: this thread is about to sleep until the id is decided. Errors: LODE_EDOWN; LODE_ETIMEDOUT
 * the ring had no room until then.
 */
LODE_MUST_CHECK lode_err lode_ring_wait(struct lode_ring *ring, lode_id id, uint64_t cookie,
                                        int64_t answer_by);

#endif
