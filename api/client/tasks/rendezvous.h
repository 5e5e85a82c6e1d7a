/*
 * rendezvous.h: how a program or a worker becomes a session of the scheduler. It connects to
 * DIR/scheduler.sock and says who it is. The scheduler names a private endpoint, and the link is
 * dialled to it.
 *
 * The socket stays open as long as the session. A worker alone sends more on it. Its end of file
 * means that the scheduler has ended the session, or died. A thread of ours sleeps in a read until
 * then, takes no signals, and calls `down`: the session is over. A link that loses its pipe
 * meanwhile mends itself, unseen.
 */
#ifndef LODE_CLIENT_RENDEZVOUS_H
#define LODE_CLIENT_RENDEZVOUS_H

#include "api/wire/link.h"
#include "api/wire/rendezvous_msg.h"

#include <sys/types.h>

struct lode_rendezvous; /* one session with the scheduler */

struct lode_rendezvous_options {
    const char *dir; /* the cluster's */
    enum lode_role role;
    uint32_t worker;        /* role worker: the number that it was started with; see the hello */
    uint64_t task;          /* role program: see the hello */
    uint64_t key;           /* role program: see the hello */
    uint64_t store_session; /* ours at the store */
    int64_t timeout_ms;     /* for the welcome */
    /*
     * Called once, on the watching thread or on one of nng's, when the scheduler is gone or has
     * ended the session: nothing more will come, nothing more is delivered. May be NULL. It may
     * wake others and take locks that are not held around lode_rendezvous_close(); it must not
     * call lode_rendezvous_close() itself.
     */
    void (*down)(void *arg);
    /* The link's events: nng threads, see link.h. `broken` may be NULL: `down` says it too. */
    struct lode_link_events events; /* its `arg` is also the argument of `down` */
};

/*
 * Opens a session. Records may arrive (events.record is called) before this returns.
 *
 * A session that the scheduler has made can lack something here: a thread, or memory. The scheduler
 * admits a program once, so the session is not given up then: *rendezvous_io is set, although an
 * error is returned, and the next call with it goes on from there. If the scheduler has died in
 * between, the next call begins anew.
 *
 *   rendezvous_io  in: NULL, or what the last call, which failed, has left; out: the session, or
 *                  what the next call goes on with, or NULL. It is set before the socket is there,
 *                  so that lode_rendezvous_forked() finds the socket in any child
 *
 * Ownership  the caller ends it with lode_rendezvous_close(), also after an error
 * Blocking   up to timeout_ms
 * Errors     LODE_EDOWN  no scheduler runs in `dir`; LODE_EDENIED another user's; LODE_EVERSION
 *            LODE_ETIMEDOUT; LODE_ELIMIT too many sessions, or no descriptor is left here;
 *            LODE_EPROTO; LODE_ESYS
 */
LODE_MUST_CHECK lode_err lode_rendezvous_open(const struct lode_rendezvous_options *options,
                                              struct lode_rendezvous **rendezvous_io);

/* The scheduler's process; 0: not connected, or it cannot be told. NULL gives 0. */
pid_t lode_rendezvous_scheduler(const struct lode_rendezvous *rendezvous);

/* Fails with the sentence for a scheduler that does not answer: LODE_ETIMEDOUT. pid 0: unknown. */
lode_err lode_scheduler_late(pid_t pid);

/*
 * The same for a session that has waited in vain. If its link cannot be dialled for want of memory
 * or of a descriptor in this process, the sentence says that: the scheduler is not to blame.
 */
lode_err lode_rendezvous_late(struct lode_rendezvous *rendezvous);

/* The session's link, valid until lode_rendezvous_close(). Send with lode_link_send(). */
struct lode_link *lode_rendezvous_link(struct lode_rendezvous *rendezvous);

/*
 * A worker: from now on, tasks of that program write to the pipe whose reading end this is. The
 * caller keeps its copy. Errors: LODE_EAGAIN, LODE_EDOWN, LODE_ESYS: the scheduler will not have
 * it.
 */
LODE_MUST_CHECK lode_err lode_rendezvous_pass_pipe(struct lode_rendezvous *rendezvous,
                                                   uint64_t program, int fd);

/*
 * Ends the session, and sets *rendezvous_io to NULL: no callback runs once this returns. Drain the
 * link first (lode_link_drain()) if what was sent last must arrive. Not from a callback. NULL in
 * *rendezvous_io does nothing.
 */
void lode_rendezvous_close(struct lode_rendezvous **rendezvous_io);

/*
 * In the child after fork(): closes the child's copy of the socket, so that the parent's end is
 * seen, and touches nothing else (nng does not survive a fork; its memory is left alone).
 */
void lode_rendezvous_forked(struct lode_rendezvous *rendezvous);

#endif
