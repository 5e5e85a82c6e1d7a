/*
 * supervisor.h: the process that `lode start` becomes: parent of both daemons and of every worker.
 *
 *   a daemon ends unasked     what follows
 *   lode-store                the cluster's end: workers and scheduler end, its files are swept,
 *                             and after the back-off a new generation is started; a private one
 *                             ends
 *   lode-scheduler            its workers end; after the back-off a new one is started; the store
 *                             serves on
 *   the supervisor itself     (kill -9) its children see the end of their lifeline and end
 *   either, before the first time that both were up: the start has failed, and all ends
 *
 * SIGTERM, SIGINT, SIGHUP, or the end of a private cluster's lifeline stop all in order: the
 * scheduler, its workers, the store; then the files go. A second signal, a second
 * or more later, stops it at once.
 *
 * One thread, one epoll; it wakes only for an event.
 */
#ifndef LODE_TOOLS_SUPERVISOR_H
#define LODE_TOOLS_SUPERVISOR_H

#include <lode/error.h>
#include <sys/types.h>

struct supervisor_options {
    const char *dir;         /* NULL: the default, as lode_paths_resolve() */
    const char *program_dir; /* where the daemons lie */
    double num_cpus;
    uint64_t capacity_bytes; /* 0: the store's default */
    int max_workers;         /* that may hold tasks of one program; 0: the scheduler's default */
    int load_s;              /* that a worker may take to open a library; 0: likewise */
    bool is_private;
    pid_t owner;                    /* private: the program; its end comes by the lifeline */
    int lifeline_fd;                /* private: see api/wire/private_start.h; else -1 */
    int ready_fd;                   /* told when all is up, or why not; -1: nobody */
    void (*on_up)(const char *dir); /* called when all is up the first time; NULL: nobody is */
};

/*
 * Runs a cluster until it is stopped, and returns the exit code of the process.
 *
 * Ownership  takes lifeline_fd and ready_fd over
 * Threads    the main one; blocks all signals
 */
int supervisor_run(const struct supervisor_options *options);

#endif
