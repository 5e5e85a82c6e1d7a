/*
 * link.h: one session's private nng endpoint: a stream of records each way, exactly once and in
 * order, over pipes that may be lost at any moment.
 *
 * Each side numbers the records that it sends, keeps them until they are acknowledged, and hands
 * them in again when the pipe comes back; a repeat is dropped, a gap closes the pipe (and so is
 * mended by a replay). Sending is adaptive: one record alone goes at once, what is appended while a
 * message is under way goes as one message after it. No timer.
 *
 *   batch = struct lode_link_batch, then count × { struct lode_link_record, bytes, filled to 8 }
 *
 * The scheduler listens (one endpoint a session), the other side dials. The session's rendezvous
 * socket decides its life: a link that loses its pipe waits for the next one.
 *
 * The pipes are nng's ipc byte streams (nng_stream_…), not a PAIR0 socket over them. In nng 1.5.2 a
 * PAIR0 pipe that is closed here while a message comes in hangs nng's reaper thread, and with it
 * every later nng_close() of the process, for ever (within three tries under traffic); and a visitor
 * that leaves during negotiation makes the listener deaf. The streams have neither fault, and one
 * thread less on the way of a message.
 */
#ifndef LODE_WIRE_LINK_H
#define LODE_WIRE_LINK_H

#include <lode/error.h>

enum {
    LODE_LINK_BATCH_MAX = 4 << 20,    /* bytes of the records of one batch */
    LODE_LINK_BACKLOG_MAX = 256 << 20 /* bytes that may wait for acknowledgement */
};
#define LODE_LINK_MAGIC UINT32_C(0x314b4e4c)

struct lode_link_batch {
    uint32_t magic;
    uint32_t count;
    uint64_t first; /* number of the first record; numbers start at 1 */
    uint64_t acked; /* every record up to this one has arrived here */
    uint32_t flags; /* LODE_LINK_… */
    uint32_t bytes; /* of the records that follow */
};

enum {
    LODE_LINK_HELLO = 1,  /* first on a new pipe, from both sides: asks for what follows `acked` */
    LODE_LINK_ASK_ACK = 2 /* answer at once with `acked` */
};

struct lode_link_record {
    uint32_t size; /* of the bytes */
    uint16_t type; /* enum lode_task_msg */
    uint16_t pad;
};

struct lode_link;

/*
 * Called on an nng thread, one call at a time for each link, for each record in order. `bytes` is
 * valid during the call and aligned to 8. It may append to this or other links. Returning another
 * value than LODE_OK ends the link: `broken` follows.
 */
typedef lode_err (*lode_link_record_fn)(void *arg, uint16_t type, const void *bytes, uint32_t size);

struct lode_link_events {
    lode_link_record_fn record;
    void (*batch_end)(void *arg); /* after the last of the records that arrived together; or NULL */
    void (*broken)(void *arg, lode_err why); /* the link is of no more use; once; or NULL */
    void *arg;
};

/*
 * Listens on, or dials, the ipc endpoint at `path`. Signals are blocked on nng's threads. The last
 * visitor of the same user that said HELLO is the peer; the others get nothing, and at most a few
 * are borne at a time.
 *
 * Errors  LODE_EINVAL  the path is too long; LODE_ESYS; LODE_ENOMEM
 */
LODE_MUST_CHECK lode_err lode_link_listen(const char *path, const struct lode_link_events *events,
                                          struct lode_link **link_out);
LODE_MUST_CHECK lode_err lode_link_dial(const char *path, const struct lode_link_events *events,
                                        struct lode_link **link_out);

/*
 * Appends one record (two parts, the second may be empty) and sees to it that it is sent. With
 * `hold` true it only appends: a later call, or lode_link_flush(), sends it.
 *
 * Threads   any; never blocks
 * Errors    LODE_ELIMIT  the backlog is full; LODE_ETOOBIG  over LODE_TASK_RECORD_MAX;
 *           LODE_ECLOSED
 */
LODE_MUST_CHECK lode_err lode_link_send(struct lode_link *link, uint16_t type, const void *head,
                                        uint32_t head_size, const void *rest, uint32_t rest_size,
                                        bool hold);
void lode_link_flush(struct lode_link *link);

/* Waits until the other side has acknowledged everything. Errors: LODE_ETIMEDOUT, LODE_ECLOSED. */
LODE_MUST_CHECK lode_err lode_link_drain(struct lode_link *link, int64_t timeout_ms);

/*
 * Closes the link: no callback runs once this returns. Not from a callback, and not under a lock
 * that a callback takes: lode_link_reap() does the same on a thread of the reaper's, later, and
 * may be called anywhere. `done` is called when nothing refers to the link any more; may be NULL.
 */
void lode_link_close(struct lode_link *link);
void lode_link_reap(struct lode_link *link, void (*done)(void *arg), void *arg);

/* What a link has seen; for statistics and tests. Any thread. */
struct lode_link_counters {
    uint64_t records_sent, records_acked, records_received;
    uint64_t messages_sent, messages_received;
    uint64_t pipes;         /* that a peer has said HELLO on */
    uint64_t repeats;       /* records that came again, and were dropped */
    uint64_t refused;       /* batches that broke a rule; each cost its pipe */
    uint64_t backlog_bytes; /* of records that are not acknowledged */
};
void lode_link_count(struct lode_link *link, struct lode_link_counters *counters_out);

/* For tests: drops the pipe, as a fault would. */
void lode_link_drop_pipe(struct lode_link *link);

#endif
