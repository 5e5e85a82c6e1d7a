/*
 * workers.h: the processes behind the core's worker numbers. Their parent is the supervisor, which
 * starts, kills and reaps them when the scheduler asks (api/wire/supervisor_msg.h). The scheduler
 * has the shared page of each worker, and the reading end of its output.
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
    WORKERS_READ_MAX = 64 << 10,  /* bytes of one worker's output read in one go */
    WORKERS_LAST_MAX = 1 << 20,   /* bytes read of one that has ended: others may hold its pipe */
    WORKERS_LINES_IN_A_ROW = 256, /* more lines of one worker in one go are dropped, and counted */
    WORKERS_PACKETS_MAX = 8192    /* that wait for the supervisor */
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

/* Reads what is in the pipes of all workers now; their lines are stepped when this returns. */
void workers_read_output(struct workers *workers);

/* Sends it a signal, if it is there. */
void workers_kill(struct workers *workers, uint32_t number, int signal);

#endif
