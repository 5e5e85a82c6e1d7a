/*
 * workers.h: the processes behind the core's worker numbers. Their parent is the supervisor, which
 * starts, kills and reaps them when the scheduler asks (api/wire/supervisor_msg.h). The scheduler
 * has the shared page of each worker, and the reading end of its output (pipes.h).
 *
 *   spawn() --> ASKED --SPAWNED--> RUNNING --EXITED--> forgotten, after its last lines
 *                 +--SPAWNED with err--> forgotten
 *
 * The page is made here, sealed against shrinking (a truncated mapping would be SIGBUS), and read
 * after the worker was reaped; what is in it is hostile, and the core judges it.
 *
 * Everything runs on the main thread. Packets that the socket does not take wait, in order.
 */
#ifndef LODE_SCHEDULER_WORKERS_H
#define LODE_SCHEDULER_WORKERS_H

#include "scheduler/drive/drive.h"
#include "scheduler/drive/loop.h"

enum {
    WORKERS_PACKETS_MAX = 8192 /* that wait for the supervisor */
};

struct workers;

/*
 *   supervisor_fd  the packet socket; taken over; -1: there is none, and no worker can be started
 *   lost           called when the supervisor is gone
 */
LODE_MUST_CHECK lode_err workers_open(int supervisor_fd, struct loop *loop, struct drive *drive,
                                      void (*lost)(void *arg), void *arg,
                                      struct workers **workers_out);

/* Starts worker `number`: CORE_SPAWNED follows, at once if it cannot even be asked for. */
void workers_spawn(struct workers *workers, uint32_t number);

/*
 * Reads what is in the pipes of all workers now; it is stepped when this returns. False: some of it
 * is on its way, since the worker has read it. workers_read_again() adds the errand again, soon;
 * false: nobody waits any longer.
 */
bool workers_read_output(struct workers *workers);
bool workers_read_again(struct workers *workers, const struct core_action *errand);

/*
 * The worker's process writes to another pipe from now on, for tasks of that program. Takes the
 * descriptor over. False: the process is not that worker.
 */
bool workers_take_pipe(struct workers *workers, uint32_t number, int64_t pid, uint64_t program,
                       int fd);

/* Sends it a signal, if it is there. */
void workers_kill(struct workers *workers, uint32_t number, int signal);

#endif
