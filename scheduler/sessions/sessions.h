/*
 * sessions.h: how peers are admitted, and how they leave. There is a listener in the cluster's
 * directory. A visitor of the same user says hello, gets an endpoint of its own (DIR/n-NUMBER), and
 * is told where. From then on the end of its socket is the end of its session. A packet on the
 * socket breaks the rules, but for a worker's new pipe.
 *
 * Everything here runs on the main thread; the table is changed under the core's lock, so that the
 * core's actions find sessions from any thread.
 */
#ifndef LODE_SCHEDULER_SESSIONS_H
#define LODE_SCHEDULER_SESSIONS_H

#include "scheduler/drive/drive.h"
#include "scheduler/drive/loop.h"
#include "scheduler/drive/session.h"

enum {
    SESSIONS_MAX = 16384,
    SESSIONS_VISITORS_MAX = 256 /* that have not said hello; one more, and the oldest goes */
};

struct sessions;

/* `listen_fd` is the socket of the cluster at `dir`; theirs from now on. Errors: LODE_ENOMEM. */
LODE_MUST_CHECK lode_err sessions_open(const char *dir, int listen_fd, struct loop *loop,
                                       struct sessions **sessions_out);

/* From here on visitors are served; `drive` finds sessions by sessions_find_locked(). */
LODE_MUST_CHECK lode_err sessions_serve(struct sessions *sessions, struct drive *drive);

/*
 * Called with each pipe that a worker sends, which it takes over; fd -1: no descriptor was left for
 * it. False: the worker is not to send any.
 */
typedef bool (*sessions_pipe_fn)(void *arg, uint32_t worker, int64_t pid, uint64_t program, int fd);
void sessions_on_pipe(struct sessions *sessions, sessions_pipe_fn on_pipe, void *arg);

/* Another socket takes the place of the first one, whose file was removed, and which is closed. */
void sessions_move(struct sessions *sessions, int listen_fd);

struct drive_session *sessions_find_locked(struct sessions *sessions, uint64_t number);

/* Repeated records that the links have dropped, those of ended sessions included. */
uint64_t sessions_repeats_locked(struct sessions *sessions);

/* Ends a session, if it is there: its socket is closed, the core is told. Main thread, no lock. */
void sessions_cut(struct sessions *sessions, uint64_t number);

#endif
