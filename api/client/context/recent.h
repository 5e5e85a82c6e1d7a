/*
 * recent.h: the small results that a worker has committed last, for tasks that follow in its queue.
 * A commit lies in the ring until the store looks. To get it from the store would cost two wake-ups
 * for each link of a chain. The worker knows the bytes itself, and they never change. The store
 * takes the ring in order, so nobody sees what was made from them before they can be seen.
 *
 * Only scalars and blobs of at most LODE_RECENT_BYTES, the last ones; no references, no pins.
 * Threads: the worker's main thread.
 */
#ifndef LODE_CLIENT_RECENT_H
#define LODE_CLIENT_RECENT_H

#include <lode/object.h>

enum { LODE_RECENT_BYTES = 64 };

struct lode_recent;

struct lode_recent *lode_recent_create(void); /* NULL: no memory */
void lode_recent_destroy(struct lode_recent *recent);

/* A result that was committed; array NULL: a blob. Too large ones are left out. */
void lode_recent_note(struct lode_recent *recent, lode_id id, const lode_array *array,
                      const void *data, size_t size);

/*
 * A view without a pin of a copy in `bytes_out`, so that a function that writes to its arguments
 * changes nothing that another sees. False: it is not known.
 */
bool lode_recent_find(const struct lode_recent *recent, lode_id id,
                      uint8_t bytes_out[LODE_RECENT_BYTES], lode_view *view_out);

#endif
