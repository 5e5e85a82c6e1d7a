/*
 * link.h: one session's private nng endpoint: a stream of records each way, exactly once and in
 * order, over pipes that may be lost at any moment.
 *
 * Each side numbers the records that it sends, keeps them until they are acknowledged, and sends
 * them again when the pipe comes back. A repeat is dropped. A gap closes the pipe, and the replay
 * on the next one mends it. One record alone goes at once. Records that are appended while a
 * message is under way go as one message after it. There is no timer.
 *
 * The scheduler listens (one endpoint a session), the other side dials. The session's rendezvous
 * socket decides its life: a link that loses its pipe waits for the next one.
 *
 * The pipes are nng's ipc byte streams (nng_stream_…), not a PAIR0 socket over them. PAIR0 has two
 * faults in nng 1.5.2. A pipe that is closed here while a message comes in hangs nng's reaper
 * thread, and with it every later nng_close() of the process, for ever (within three tries under
 * traffic). A visitor that leaves during negotiation makes the listener deaf. The streams have
 * neither fault, and one thread less on the way of a message.
 */
#ifndef LODE_WIRE_LINK_H
#define LODE_WIRE_LINK_H

#include "api/wire/link_types.h"

struct lode_link;

/*
 * Listens on, or dials, the ipc endpoint at `path`. Signals are blocked on nng's threads. The last
 * visitor of the same user that said HELLO is the peer; the others get nothing, and at most a few
 * are borne at a time.
 *
 * Blocking  dial: until its first try has succeeded or failed; it does not wait for the peer
 * Errors    LODE_EINVAL  the path is too long; LODE_ESYS; LODE_ENOMEM
 *           LODE_ELIMIT  as lode_wire_start(); dial: this process has no descriptor left
 */
LODE_MUST_CHECK lode_err lode_link_listen(const char *path, const struct lode_link_events *events,
                                          struct lode_link **link_out);
LODE_MUST_CHECK lode_err lode_link_dial(const char *path, const struct lode_link_events *events,
                                        struct lode_link **link_out);

/*
 * LODE_OK; or, where the last try to dial has failed for want of memory or of a descriptor in this
 * process, that error with its sentence. A peer that seems silent is not to blame then. Any thread.
 */
LODE_MUST_CHECK lode_err lode_link_try_failed(struct lode_link *link);

/*
 * Appends one record (two parts, the second may be empty), and has it sent. With `hold` true it
 * only appends: a later call, or lode_link_flush(), sends the record.
 *
 * Threads   any; never blocks
 * Errors    LODE_ELIMIT  the backlog is full; LODE_ETOOBIG  over LODE_TASK_RECORD_MAX;
 *           LODE_ECLOSED
 */
LODE_MUST_CHECK lode_err lode_link_send(struct lode_link *link, uint16_t type, const void *head,
                                        uint32_t head_size, const void *rest, uint32_t rest_size,
                                        bool hold);
void lode_link_flush(struct lode_link *link);

/*
 * The same as lode_link_send() with `hold`, for who has many records: between lode_link_lock() and
 * lode_link_unlock(), which are one thread's. It takes no other lock meanwhile, and calls nothing
 * else here.
 */
void lode_link_lock(struct lode_link *link);
LODE_MUST_CHECK lode_err lode_link_append_locked(struct lode_link *link, uint16_t type,
                                                 const void *head, uint32_t head_size,
                                                 const void *rest, uint32_t rest_size);
void lode_link_unlock(struct lode_link *link);

/* Waits until the other side has acknowledged everything. Errors: LODE_ETIMEDOUT, LODE_ECLOSED. */
LODE_MUST_CHECK lode_err lode_link_drain(struct lode_link *link, int64_t timeout_ms);

/*
 * The other side is gone for good, or is about to go: a link that dials does not dial again once
 * its pipe is lost. Each try would take a descriptor, which may be 0, 1 or 2 where the program has
 * closed those. Any thread; may be called again.
 */
void lode_link_dial_no_more(struct lode_link *link);

/*
 * Closes the link: no callback runs once this returns. Not from a callback, and not under a lock
 * that a callback takes: lode_link_reap() does the same on a thread of the reaper's, later, and
 * may be called anywhere. `done` is called when nothing refers to the link any more; may be NULL.
 */
void lode_link_close(struct lode_link *link);
void lode_link_reap(struct lode_link *link, void (*done)(void *arg), void *arg);

/* Any thread. */
void lode_link_count(struct lode_link *link, struct lode_link_counters *counters_out);

#endif
