/*
 * link_state.h: a link's inside, shared by the files of the link:
 *
 *   link.c            what a user calls
 *   link_connect.c    how pipes come to be, and the link's end
 *   link_receive.c    from the bytes that a pipe brings to records handed over
 *   link_send.c       from the queue to a pipe
 *   link_retire.c     the end of a pipe
 *   link_queue.c      the records that wait
 *
 * Each may call those below it.
 *
 *   dialing:    dial() --> pipe --retire()--> sleep --> dial() …      one pipe at a time
 *   listening:  accept() --> pipe, accept() --> pipe …                the last HELLO is the peer's
 *
 *   a pipe:  NEW --HELLO of the peer--> OPEN (link->open) --retire()--> buried by the reaper
 *              +------------- error, garbage, another HELLO ---retire()------^
 *
 * On each new pipe both sides say HELLO with what they have received. Records travel on it only
 * behind our HELLO, and after the peer's; at the peer's HELLO what it has not received is sent
 * again. Only the open pipe's records are taken.
 *
 * Locks: `mu` guards all that changes. `delivery` is held around the handling of what one pipe
 * brought, so that records are handed over one at a time although each pipe has an aio of its own.
 * The thread that sets a pipe's `busy` starts its send aio after unlocking, under a count in
 * `users`. The completion sends what has queued up meanwhile, or clears `busy`.
 *
 * A retired pipe is buried on the reaper's thread, or by lode_link_close(). It is freed once nobody
 * starts anything on it any more (`retired` under mu), nobody is about to (`users`), and the
 * callbacks of its aios have returned (nng_aio_stop).
 */
#ifndef LODE_WIRE_LINK_STATE_H
#define LODE_WIRE_LINK_STATE_H

#include "api/base/lock.h"
#include "api/wire/link_types.h"
#include "api/wire/link_queue.h"
#include "api/wire/reaper.h"

#include <nng/nng.h>

enum {
    LODE_LINK_ACK_RECORDS = 512,     /* a pure acknowledgement goes after so many records, */
    LODE_LINK_ACK_BYTES = 256 << 10, /* or bytes, if no record goes the other way */
    LODE_LINK_REFUSED_MAX = 8,       /* bad batches of the peer, in a row, that a link survives */
    LODE_LINK_VISITORS_MAX = 8,      /* pipes at a time */
    LODE_LINK_BUFFER = 16 << 10,     /* that an idle pipe keeps for receiving, and for sending */
    LODE_LINK_BUFFER_BUSY = 128 << 10,
    LODE_LINK_SMALL_IN_A_ROW = 64,
    LODE_LINK_REDIAL_FIRST_MS = 1,
    LODE_LINK_REDIAL_LAST_MS = 100,
    LODE_LINK_ACCEPT_AGAIN_MS = 100 /* after an error such as too many open files */
};

struct lode_link_pipe {
    TAILQ_ENTRY(lode_link_pipe) entry; /* link.mu */
    struct lode_link *link;
    nng_stream *stream;
    nng_aio *send_aio, *receive_aio;
    nng_aio *quick_aio; /* sends too, without a callback: the thread that set busy waits */
    _Atomic int users;  /* threads that are about to start send_aio */
    bool busy;          /* link.mu; a message is under way */
    bool said_hello;    /* link.mu; we have, on this pipe */
    bool retired;       /* link.mu */
    char *out;          /* the message under way; the thread's that set busy */
    size_t out_size, out_sent, out_room;
    char *in; /* what came and is not handled yet; the receive callback */
    size_t in_size, in_room;
    uint32_t in_small; /* messages in a row that left nothing */
};

struct lode_link {
    struct lode_link_events events;
    char url[128];
    bool listens;
    nng_stream_listener *listener;
    nng_stream_dialer *dialer;
    nng_aio *connect_aio; /* accepts or dials */
    nng_aio *pause_aio;   /* sleeps before it does so again */
    struct lode_reaper_job bury_job, close_job;
    void (*closed)(void *arg); /* by lode_link_reap() */
    void *closed_arg;
    struct lode_mutex delivery;
    uint64_t received; /* every record up to this one was handed over; both locks to write */
    bool delivered;    /* link.delivery; some of what came together was handed over */
    bool asked;        /* link.delivery; the peer wants to know when all of that was */

    struct lode_mutex mu;
    struct lode_cond changed; /* acknowledged, closing, broken */
    /* link.mu, all that follows */
    struct lode_link_queue queue;
    struct lode_link_counters counters;
    TAILQ_HEAD(lode_link_pipes, lode_link_pipe) pipes, retired;
    struct lode_link_pipe *open;
    uint32_t pipe_count; /* in `pipes` */
    bool closing;
    bool broken;
    bool dials_no_more;
    bool has_tried; /* to accept or to dial, once */
    int last_try;   /* 0, or what nng said to the last try */
    bool lost;      /* the open pipe was, for want of memory; the reaper's job redials */
    bool say_ack;   /* send a batch even without records */
    uint32_t asks;  /* drains under way: ask for acknowledgement */
    uint32_t redial_ms;
    uint64_t ack_said;      /* what the last batch acknowledged */
    uint64_t unacked_bytes; /* received since */
    uint32_t refused_in_row;
};

#endif
