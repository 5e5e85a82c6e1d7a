/*
 * pipes.h: the output pipes of workers. The scheduler reads a pipe while a task runs, and says
 * whose the bytes are by the worker's page (api/layout/output_lock.h). The worker itself reads what
 * is left when the task ends.
 *
 *   pipe of nobody --pipes_take(program)--> late, until its end of file, or the worker's
 *   pipe of a program ---------------------'
 *
 * A worker sends a new pipe with each program that it changes over to. Processes that a task has
 * left may have the old one still: what comes from it is the old program's.
 *
 * A worker is hostile. One that keeps the lock, or counts records that it does not send, is waited
 * for, for a second. Then its output is read without the lock, no task is named, and no program
 * that closes waits for it any more. One that writes without end is read at some rate, and waits.
 *
 * Everything runs on the main thread.
 */
#ifndef LODE_SCHEDULER_PIPES_H
#define LODE_SCHEDULER_PIPES_H

#include "api/layout/worker_page.h"
#include "scheduler/drive/drive.h"
#include "scheduler/drive/loop.h"
#include "scheduler/pool/patience.h"

enum {
    PIPES_READ_MAX = 64 << 10, /* bytes read in one go */
    PIPES_LAST_MAX =
        1 << 20,       /* bytes read of a pipe that the worker has left: others may have it */
    PIPES_LATE_MAX = 4 /* pipes of one worker that it has left; one more, and one is closed */
};

struct pipes;
struct pool_pipe;

/* What one worker writes. */
struct pool_output {
    struct pipes *pipes;
    const uint32_t *number; /* the worker's, */
    struct lode_worker_page *page;
    struct pool_pipe *now;  /* its stdout and stderr; NULL: none */
    struct pool_pipe *late; /* those that it has left; the newest first */
    uint32_t late_count;
    struct patience patience; /* with looks at `now` that were in vain */
    bool has_printed;         /* something was read of its pipes */
    int64_t window_ns;        /* begin of the time in which `window_bytes` were read */
    uint32_t window_bytes;
};

LODE_MUST_CHECK lode_err pipes_open(struct loop *loop, struct drive *drive,
                                    struct pipes **pipes_out);
void pipes_close(struct pipes *pipes);

/*
 * From now on the worker writes to the pipe whose reading end this is, which is ours. -1: it got
 * lost, since no descriptor is left (lode_last_error()). Then the worker will send another one.
 */
void pipes_take(struct pool_output *output, uint64_t program, int fd);

/*
 * Reads what is there, and ends the last lines of tasks that have ended. False: bytes are on their
 * way that the worker has taken out, and it is worth waiting for them.
 */
bool pipes_read(struct pool_output *output);

/* The worker has been reaped: reads the last bytes, and closes its pipes. */
void pipes_end(struct pool_output *output);

/*
 * Adds the errand again in some milliseconds, when more bytes may have come. False: that was done
 * for a second. The errand's `value` counts.
 */
bool pipes_ask_again(struct pipes *pipes, const struct core_action *errand);

#endif
