/*
 * daemon.h: the scheduler put together: the loop and what hangs on it.
 */
#ifndef LODE_SCHEDULER_DAEMON_H
#define LODE_SCHEDULER_DAEMON_H

#include "api/cluster/paths.h"
#include "api/cluster/presence.h"
#include "scheduler/libraries/copier.h"
#include "scheduler/libraries/offers_kept.h"
#include "scheduler/drive/drive.h"
#include "scheduler/store/failures.h"
#include "scheduler/drive/loop.h"
#include "scheduler/store/store.h"
#include "scheduler/pool/workers.h"
#include "scheduler/sessions/sessions.h"

struct daemon_options {
    const char *dir;
    double num_cpus;      /* 0: those that this process may use */
    uint32_t max_workers; /* that may hold tasks of one program; 0: the core's default */
    uint32_t load_s;      /* that a worker may take to open a library; 0: likewise */
    bool is_private;
    int supervisor_fd, lifeline_fd, ready_fd, offers_fd; /* -1: none */
};

struct scheduler {
    struct lode_paths paths;
    struct lode_presence presence;
    int exit_status;
    bool told; /* by a signal */
    struct loop loop;
    struct drive *drive;
    struct sessions *sessions;
    struct workers *workers;
    struct store_client *store;
    struct copier *copier;
    struct offers_kept offers;
    struct failures *failures;
    struct loop_source wake;     /* eventfd: there are errands */
    struct loop_source timer;    /* timerfd: the core's */
    struct loop_source signals;  /* signalfd */
    struct loop_source lifeline; /* its end is the supervisor's */
    struct loop_source removed;  /* inotify: lock or socket may have been removed */
};

/*
 * Runs until the store or the supervisor is gone, or a signal asks for the end; gives the process'
 * exit status.  Errors: what could not be started, with a sentence.
 */
LODE_MUST_CHECK lode_err daemon_run(const struct daemon_options *options, int *status_out);

#endif
