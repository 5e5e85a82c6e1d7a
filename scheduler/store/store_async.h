/*
 * store_async.h: a session with the store for an event loop: nothing but opening it ever blocks.
 * For the scheduler, which watches results, settles dead workers and puts error objects.
 *
 * Sends may be made on any thread, also under locks (rank STORE_ASYNC is above the scheduler's).
 * What the socket does not take is queued and goes out by lode_store_async_dispatch(). Replies and
 * notices come as callbacks from lode_store_async_dispatch(), which one thread at a time may call.
 */
#ifndef LODE_CLIENT_STORE_ASYNC_H
#define LODE_CLIENT_STORE_ASYNC_H

#include "api/cluster/paths.h"
#include "api/wire/store_msg.h"

struct lode_store_async;

/* Called by lode_store_async_dispatch(), without locks. None may be NULL. */
struct lode_store_async_events {
    void *arg;
    /* Of the ids watched under `cookie`, these are decided; each once. */
    void (*ready)(void *arg, uint64_t cookie, const struct lode_msg_ready *ready, uint32_t count);
    /* The answer to settle() or results(): enum lode_found for each id, in the order asked. */
    void (*settled)(void *arg, uint32_t tag, uint64_t session, const uint8_t *status,
                    uint32_t count);
    /*
     * The answer to fail(): LODE_OK, or why none of the error objects was made. Also, with an
     * error, to a settle() or results() that the store refuses, which only a bug makes it do.
     */
    void (*failed)(void *arg, uint32_t tag, lode_err err, const char *why);
};

/*
 * Attaches with LODE_HELLO_SCHEDULER. `events` must live as long as the session.
 *
 * Blocking  a few milliseconds
 * Errors    LODE_EDOWN, LODE_EVERSION, LODE_EDENIED, LODE_ESYS, LODE_ENOMEM
 */
LODE_MUST_CHECK lode_err lode_store_async_open(const struct lode_paths *paths,
                                               const struct lode_store_async_events *events,
                                               struct lode_store_async **async_out);
void lode_store_async_close(struct lode_store_async *async); /* NULL: nothing */

/*
 * A descriptor for EPOLLIN, level-triggered: readable when dispatch() has something to do, sending
 * what is queued included. (It is an epoll instance of its own: no other events need be asked for.)
 */
int lode_store_async_fd(const struct lode_store_async *async);

/*
 * Receives all that has come, at most a bounded number of packets in one go, and sends what is
 * queued. Never blocks.
 * Errors  LODE_EDOWN: the store is dead; nothing more will come
 */
LODE_MUST_CHECK lode_err lode_store_async_dispatch(struct lode_store_async *async);

/*
 * Sends. Tags are the caller's, not 0 and below 2^31. They come back with the answer. watch takes a
 * list of any length, in several packets under one cookie. settle and results take at most
 * LODE_STORE_IDS_MAX ids. fail puts an error object (api/layout/error_object.h) of at most
 * LODE_STORE_ERROR_MAX bytes in place of all these results. If there is no room for its texts, it
 * has none.
 *
 * Without memory for what is queued the process ends (core_need()).
 *
 * Errors  LODE_EDOWN; LODE_EINVAL
 */
enum { LODE_STORE_ERROR_MAX = 32 << 10 };

LODE_MUST_CHECK lode_err lode_store_async_watch(struct lode_store_async *async, uint64_t cookie,
                                                const lode_id *ids, size_t count);
LODE_MUST_CHECK lode_err lode_store_async_unwatch(struct lode_store_async *async, uint64_t cookie,
                                                  lode_id id);
LODE_MUST_CHECK lode_err lode_store_async_settle(struct lode_store_async *async, uint32_t tag,
                                                 uint64_t session, const lode_id *ids,
                                                 uint32_t count);
LODE_MUST_CHECK lode_err lode_store_async_results(struct lode_store_async *async, uint32_t tag,
                                                  uint64_t session, const lode_id *ids,
                                                  uint32_t count);
LODE_MUST_CHECK lode_err lode_store_async_fail(struct lode_store_async *async, uint32_t tag,
                                               lode_id results, uint32_t count, const void *bytes,
                                               uint32_t size);

#endif
