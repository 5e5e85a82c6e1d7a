/*
 * state.h: what the supervisor knows, which its other files read and change, and the few steps that
 * more than one of them takes. Nothing outside of this folder includes it.
 */
#ifndef LODE_TOOLS_SUPERVISOR_STATE_H
#define LODE_TOOLS_SUPERVISOR_STATE_H

#include "api/cluster/paths.h"
#include "api/cluster/presence.h"
#include "api/cluster/sweep.h"
#include "tools/supervisor/service.h"
#include "tools/supervisor/supervisor.h"
#include "tools/supervisor/workers.h"

struct supervisor {
    const struct supervisor_options *options;
    struct lode_paths paths;
    enum lode_sweep keeps; /* of LODE_SWEEP_KEEP_…: directories that were there */
    bool keeps_dir;        /* LODE_DIR likewise */
    struct service store, scheduler;
    struct worker_processes workers;
    int epoll, signals, timer;
    struct lode_presence presence; /* supervisor.lock */
    int dir_fd;                    /* holds LODE_DIR; -1: not ours */
    int shm_fd;                    /* holds LODE_SHM_DIR; -1: not ours, or it was removed */
    bool owns_shm;                 /* LODE_SHM_DIR was not refused, so it may be swept at the end */
    int lifeline[2];               /* nobody writes; its writing end is ours alone */
    int scheduler_fd;    /* packets; -1: there is no scheduler, or it has closed its end */
    bool scheduler_full; /* the socket had no room: we wake when it has */
    int offers_fd;       /* a memfd that each scheduler gets (supervisor_msg.h) */
    int program_fd;      /* private: the program's lifeline; else -1 */
    int ready_fd;        /* the process that started this one; -1: it was told, or none asked */
    bool was_up;         /* both daemons were, at least once */
    bool stopping, failed, done;
    int64_t stop_ns;        /* since when it is stopping */
    int64_t wake_at;        /* when a back-off is over; LODE_NEVER */
    int64_t strays_told_ns; /* when strays got SIGTERM; 0: not yet */
    bool is_hurried;        /* told to stop once more: no grace time is left to strays */
    char store_program[LODE_PATH_MAX], scheduler_program[LODE_PATH_MAX];
    char worker_program[LODE_PATH_MAX];
};

/* What an epoll event is about. */
enum supervisor_event {
    SUPERVISOR_SIGNALS,
    SUPERVISOR_TIMER,
    SUPERVISOR_PROGRAM,
    SUPERVISOR_REMOVED,
    SUPERVISOR_PACKETS,
    SUPERVISOR_STORE_READY,
    SUPERVISOR_SCHEDULER_READY
};

/* Has the epoll report the descriptor as that event. Errors: LODE_ESYS. */
LODE_MUST_CHECK lode_err supervisor_watch(struct supervisor *s, int fd,
                                          enum supervisor_event event);

/*
 * Holds LODE_SHM_DIR, and makes it anew if somebody has removed it: before each store that starts.
 *
 * Errors  LODE_ERUNNING  another cluster holds it; as lode_directory_hold_shm()
 * Blocking  a second at most, where it was removed and another process holds the new one
 */
LODE_MUST_CHECK lode_err supervisor_hold_shm(struct supervisor *s);

/* Begins the end of the cluster, in order; supervisor.c goes on with it. */
void supervisor_stop(struct supervisor *s);

/* Closes the scheduler's socket. */
void supervisor_hang_up(struct supervisor *s);

#endif
