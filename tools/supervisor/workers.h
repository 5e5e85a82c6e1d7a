/*
 * workers.h: the worker processes of one scheduler: started at its word, reaped here, and every
 * end reported to it once. A worker's entry is also the place where packets wait that the
 * scheduler's socket has no room for, so nothing here grows but with the workers themselves.
 *
 *   SPAWN ──workers_spawn()──▶ RUNNING ──workers_reaped()──▶ ENDED ──EXITED sent──▶ (gone)
 *                 └── could not start ─────────────────────────▶ ENDED ─SPAWNED sent─▶ (gone)
 *
 * Not thread-safe; nothing blocks.
 */
#ifndef LODE_TOOLS_WORKERS_H
#define LODE_TOOLS_WORKERS_H

#include <lode/error.h>
#include <sys/queue.h>
#include <sys/types.h>

enum { WORKERS_MAX = 4096 };

struct worker_process {
    LIST_ENTRY(worker_process) link;
    uint32_t number; /* the scheduler's */
    pid_t pid;       /* 0: it could not be started */
    int pidfd;       /* -1 once it was sent */
    int output;      /* our duplicate of the reading end of its stdout and stderr */
    int status;      /* of waitpid() */
    uint32_t err;    /* why it could not be started */
    bool ended;      /* reaped, or never started */
    bool told_spawned;
};

struct worker_processes {
    LIST_HEAD(worker_list, worker_process) list;
    size_t count;   /* entries */
    size_t running; /* of these */
    const char *program;
    const char *dir;
    int lifeline; /* reading end: each worker gets one of its own */
};

/* `program` and `dir` must stay valid. */
void workers_init(struct worker_processes *workers, const char *program, const char *dir,
                  int lifeline);

/*
 * Starts worker `number` with its shared page. A failure to start is told to the scheduler.
 *
 *   page_fd  the caller's
 *
 * Errors  LODE_EPROTO  the number is in use; LODE_ELIMIT too many; LODE_ENOMEM: nothing is told,
 *         and the scheduler is of no more use
 */
LODE_MUST_CHECK lode_err workers_spawn(struct worker_processes *workers, uint32_t number,
                                       int page_fd);

/* Sends a signal to a worker, SIGKILL to its whole process group. None of that number: nothing. */
void workers_signal(struct worker_processes *workers, uint32_t number, int signal);
void workers_kill_all(struct worker_processes *workers);

/* True if `pid`, which has ended but is not yet reaped, is a worker: kills what it left in its
 * process group. After the reaping: notes the status. */
bool workers_ending(struct worker_processes *workers, pid_t pid);
void workers_reaped(struct worker_processes *workers, pid_t pid, int status);

/*
 * Tells the scheduler what it has not been told.
 * Errors: LODE_EAGAIN the socket is full, call again when it is writable; LODE_EDOWN, LODE_ESYS.
 */
LODE_MUST_CHECK lode_err workers_report(struct worker_processes *workers, int scheduler_fd);

/* Forgets all that have ended: their scheduler is gone. */
void workers_forget_ended(struct worker_processes *workers);

#endif
