/*
 * store_calls.h: questions to the store and their answers, over the session's one socket, for any
 * number of threads at once.
 *
 * A thread that waits for an answer while no thread reads the socket becomes the leader. It reads
 * packets and hands each to the thread that waits for its tag, until its own has come. So no thread
 * exists for this alone, and one question is one send and one receive. Every sleep ends after a
 * second at the latest, to look whether the store lives. When it dies, all that wait get
 * LODE_EDOWN.
 */
#ifndef LODE_CLIENT_STORE_CALLS_H
#define LODE_CLIENT_STORE_CALLS_H

#include "api/client/channel/hooks.h"
#include "api/client/channel/late.h"
#include "api/client/channel/store_socket.h"
#include "api/client/channel/watches.h"

struct lode_waiter;

struct lode_store_calls {
    struct lode_store_socket socket;
    int bell_fd;
    struct lode_mutex mu;
    struct lode_waiter *asking;   /* mu: with a question under way */
    struct lode_waiter *sleepers; /* mu: they sleep on their conds; one of them leads next */
    struct lode_watches watches;  /* mu */
    uint32_t called;              /* mu: of the sleepers, those that were called to lead */
    bool has_leader;              /* mu */
    struct lode_lates lates;      /* mu */
    _Atomic bool has_lates;       /* something may be in them */
    /* Drops a reference that came with a late answer. Must not block. NULL: it is forgotten. */
    void (*drop_late)(void *arg, lode_id id);
    void *drop_late_arg;
    _Atomic uint32_t next_tag;
    _Atomic uint64_t next_cookie;
    uint8_t *buffer; /* the leader's */
};

/*
 * The caller calls init, sets socket.fd to a connected socket, and calls start. It sets bell_fd
 * when the store's WELCOME has brought it. Both descriptors are the calls' then: fini closes them,
 * and may follow any of these steps. Errors: LODE_ENOMEM; LODE_ESYS.
 */
LODE_MUST_CHECK lode_err lode_store_calls_init(struct lode_store_calls *calls);
LODE_MUST_CHECK lode_err lode_store_calls_start(struct lode_store_calls *calls);
void lode_store_calls_fini(struct lode_store_calls *calls);

/* Where an answer goes: room for the packet, and for its descriptors. */
struct lode_reply {
    enum lode_store_msg type; /* wanted; ERROR is turned into its error and sentence */
    void *packet;             /* NULL: only the type counts */
    size_t room;
    bool exactly;                   /* the answer has just `room` bytes */
    size_t fds_wanted;              /* so many descriptors come with it */
    int64_t answer_by;              /* how long it is waited for */
    enum lode_late_kind late;       /* what is to be undone if it comes after that, */
    lode_id late_id;                /* and of which object */
    const struct lode_hooks *hooks; /* of a CREATE or PUT that may wait: asked once a second whether
                                       it is interrupted, and then it expires; NULL: it is not */
    bool is_interrupted;            /* out: it was; the store's answer came all the same */
    size_t size;                    /* out */
    int fds[LODE_SOCKET_FDS_MAX];   /* out: the caller's */
    size_t fd_count;                /* out: fds_wanted */
    bool sent; /* out, also of a failure: the store has the question, or will */
};

/*
 * Sends a packet of two parts with a fresh tag and waits for its answer.
 *
 * Blocking  until the store has answered or died, or reply->answer_by has come
 * Errors    what the store says; LODE_EDOWN; LODE_EPROTO the answer is none to this question;
 *           LODE_ELIMIT no number was left for the descriptors that came with it;
 *           LODE_ETIMEDOUT the store has not answered in time. Its answer may come yet. The next
 *           question or wait of the session reads it, and undoes what it brought (reply->late)
 */
LODE_MUST_CHECK lode_err lode_store_ask(struct lode_store_calls *calls,
                                        struct lode_msg_head *request, size_t request_size,
                                        const void *rest, size_t rest_size,
                                        struct lode_reply *reply);

/*
 * The same, of a question in one part whose answer has exactly `answer_size` bytes and brings no
 * descriptors. answer NULL: only its type counts.
 */
LODE_MUST_CHECK lode_err lode_store_ask_exactly(struct lode_store_calls *calls,
                                                struct lode_msg_head *request, size_t request_size,
                                                enum lode_store_msg type, void *answer,
                                                size_t answer_size, int64_t answer_by);

/*
 * Has the store send an answer that nobody wants: it wakes the thread that reads the socket, which
 * looks whether its own watch is done. Never blocks; does nothing if the socket has no room.
 */
void lode_store_nudge(struct lode_store_calls *calls);

/* Rings the doorbell: the store will look into the ring. Never blocks. */
void lode_store_ring_bell(struct lode_store_calls *calls);

struct lode_waiter {
    uint32_t tag; /* 0: a watch */
    struct lode_reply *reply;
    struct lode_watch *watch;
    bool done;      /* of a question */
    bool is_called; /* while it sleeps: to lead */
    lode_err err;
    struct lode_cond cond;
    struct lode_waiter *next, *previous; /* calls->asking: a question only */
    struct lode_waiter *next_sleeper, *previous_sleeper;
};

/* ---- watches ------------------------------------------------------------------------------ */

void lode_store_watch_add(struct lode_store_calls *calls, struct lode_waiter *waiter,
                          struct lode_watch *watch);
void lode_store_watch_remove(struct lode_store_calls *calls, struct lode_waiter *waiter);

/* Waits until the watch is done. Errors: LODE_ETIMEDOUT (no sentence), LODE_EDOWN. */
LODE_MUST_CHECK lode_err lode_store_watch_wait(struct lode_store_calls *calls,
                                               struct lode_waiter *waiter, int64_t deadline);

/* A number that no other wait or watch of this session has. */
uint64_t lode_store_cookie(struct lode_store_calls *calls);

#endif
