/*
 * supervisor_msg.h: the packets between the supervisor and the scheduler, on an inherited
 * SOCK_SEQPACKET pair (descriptor number in --supervisor-fd), and the command lines of what the
 * supervisor starts. The supervisor is the only parent of daemons and workers.
 *
 * Command lines (descriptor numbers are those that the child inherits; the environment, LODE_DIR,
 * LODE_SHM_DIR and LODE_STATE_DIR included, is passed on unchanged):
 *
 *   lode-store --dir DIR [--capacity BYTES] [--private] --shm-fd F --lifeline-fd F --ready-fd F
 *       shm         LODE_SHM_DIR, which the supervisor holds by it for as long as the cluster lives
 *       ready, lifeline: as below
 *
 *   lode-scheduler --dir DIR --num-cpus N --max-workers N --load-timeout S [--private]
 *                  --supervisor-fd F
 *                  --lifeline-fd F --ready-fd F --offers-fd F
 *       offers      a memfd, the same for each scheduler of the cluster: what lode load has offered
 *                   (scheduler/libraries/offers_kept.h)
 *       N           decimal, to 1/10,000
 *       lifeline    its end of file: the supervisor is dead; the scheduler ends
 *       ready       one byte is written once sessions are served, then it is closed; an end of file
 *                   without it: the start failed, and the reason is on stderr
 *       private     the last thing that a daemon does after SIGTERM, or its lifeline's end, is
 *                   lode_paths_sweep(LODE_SWEEP_PRIVATE) (api/cluster/sweep.h)
 *       SIGTERM ends a daemon in order, with exit status 0.
 *
 * Store and scheduler are started at the same moment. The scheduler does what needs no store, then
 * receives STORE_READY (blocking: it is the first packet) and attaches.
 *
 *   lode-worker --dir DIR --worker N --page-fd F --lifeline-fd F
 *       worker      the scheduler's number, from SPAWN
 *       page        the descriptor that came with SPAWN: struct lode_worker_page, a memfd
 *       lifeline    its end of file: the supervisor is dead; the worker ends
 *       stdin is /dev/null; stdout and stderr are one pipe, whose other end goes to the scheduler
 *       with SPAWNED (non-blocking on the reader's side only)
 *
 * Every SPAWN is answered by one SPAWNED; a SPAWNED without err is followed by one EXITED, once the
 * worker was reaped. KILL of a worker that is gone is ignored. At the scheduler's end of file the
 * supervisor kills the workers that it started for it.
 */
#ifndef LODE_WIRE_SUPERVISOR_MSG_H
#define LODE_WIRE_SUPERVISOR_MSG_H

#include <stdint.h>

enum { LODE_LOAD_TIMEOUT_MAX = 86400 }; /* seconds */

enum lode_supervisor_msg {
    LODE_SUPERVISOR_SPAWN = 1,      /* scheduler: start worker `worker`; fd: its shared page */
    LODE_SUPERVISOR_SPAWNED = 2,    /* supervisor: pid (fds: pidfd, output pipe), or err (no fds) */
    LODE_SUPERVISOR_KILL = 3,       /* scheduler: send `signal` to `worker` */
    LODE_SUPERVISOR_EXITED = 4,     /* supervisor: it was reaped, with `status` as of waitpid() */
    LODE_SUPERVISOR_STORE_READY = 5 /* supervisor: the store serves; once, first of all */
};

struct lode_supervisor_packet {
    uint32_t type;
    uint32_t worker; /* the scheduler's number, never reused */
    int64_t pid;
    int32_t status;
    int32_t signal;
    uint32_t err;
    uint32_t pad;
};

#endif
