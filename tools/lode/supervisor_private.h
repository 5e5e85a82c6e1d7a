/* supervisor_private.h: what the files supervisor*.c share, and nobody else. */
#ifndef LODE_TOOLS_SUPERVISOR_PRIVATE_H
#define LODE_TOOLS_SUPERVISOR_PRIVATE_H

#include "api/base/paths.h"
#include "api/base/presence.h"
#include "tools/lode/service.h"
#include "tools/lode/supervisor.h"
#include "tools/lode/workers.h"

struct supervisor {
    const struct supervisor_options *options;
    struct lode_paths paths;
    struct service store, scheduler;
    struct workers workers;
    int epoll, signals, timer;
    struct lode_presence presence; /* supervisor.lock */
    int dir_fd;                    /* holds LODE_DIR; -1: not ours */
    bool owns_shm;                 /* LODE_SHM_DIR was not refused, so it may be swept at the end */
    int lifeline[2];               /* nobody writes; its writing end is ours alone */
    int scheduler_fd;    /* packets; -1: there is no scheduler, or it has closed its end */
    bool scheduler_full; /* the socket had no room: we wake when it has */
    int program_fd;      /* private: the program's lifeline; else -1 */
    int ready_fd;        /* who started us; -1: told, or nobody */
    bool was_up;         /* both daemons were, at least once */
    bool stopping, failed, done;
    int64_t stop_ns;      /* since when it is stopping */
    int64_t wake_at;      /* when a back-off is over; LODE_NEVER */
    int64_t strays_until; /* 0: not yet looked for */
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

/* supervisor_start.c: opens everything; starts the daemons. Undone by supervisor_close(). */
LODE_MUST_CHECK lode_err supervisor_open(struct supervisor *s);
void supervisor_close(struct supervisor *s);
LODE_MUST_CHECK lode_err supervisor_start_store(struct supervisor *s);
LODE_MUST_CHECK lode_err supervisor_start_scheduler(struct supervisor *s);

/* supervisor_events.c: takes one event in; tells the scheduler what it has not been told. */
void supervisor_take_event(struct supervisor *s, enum supervisor_event event);
void supervisor_report(struct supervisor *s);
void supervisor_hang_up(struct supervisor *s); /* closes the scheduler's socket */

/* supervisor.c: begins the end, in order. */
void supervisor_stop(struct supervisor *s);

#endif
