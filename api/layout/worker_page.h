/*
 * worker_page.h: the page that a worker shares with the scheduler (a memfd, inherited): what it
 * started and finished, readable after its death.
 *
 *   field       written by   order              read by     order
 *   begun       worker       relaxed, before    scheduler   after the worker was reaped
 *   started     worker       release, before    scheduler   after the worker was reaped
 *   finished    worker       release, after     scheduler   after the worker was reaped
 *   cancelled   worker       relaxed            worker      relaxed; the running task's flag
 *   printing    worker       relaxed            scheduler   relaxed; see output_lock.h
 *   printed     worker       release            scheduler   acquire
 *   output_lock both         see output_lock.h
 *   pipe_lost   both         relaxed            both        relaxed
 *   taken_end   see taken_output.h
 *   crash_…     worker       plain, in a signal     scheduler   after the worker was reaped
 *                            handler; crash_set
 *                            last (release)
 *
 * What a process wrote before it was reaped is seen by who has reaped it. So the orders only keep
 * the compiler from moving a store across the user's code.
 *
 * The worker sets `started` to the scheduler's number of a task before it calls the function. It
 * sets `finished` to the same number after the task's results were published in the ring.
 *
 * `begun` names the last tasks that were started, in turn; it has more places than a worker is ever
 * given tasks. A task that is handed back because an argument is missing is taken out of `begun`
 * again, and is not `finished`. A task that `begun` names and that has no result may have run: it
 * is charged with an attempt. No other task is.
 *
 * `printing` is the task whose bytes are in the worker's pipe, or come into it: 0 after its last
 * byte was taken out. `printed` counts the records PRINTED that the worker was about to send: where
 * the scheduler has fewer, some are under way.
 *
 * `pipe_lost` is set by the scheduler if it had no descriptor for the pipe that the worker sent.
 * The worker sends another one before its next task.
 *
 * The user's code can write anything here. A number that no task has is ignored by the scheduler.
 */
#ifndef LODE_LAYOUT_WORKER_PAGE_H
#define LODE_LAYOUT_WORKER_PAGE_H

#include <stdatomic.h>
#include <stdint.h>

#define LODE_WORKER_PAGE_MAGIC UINT64_C(0x3367507265726b57)
#define LODE_PRINTING_LIBRARY  UINT64_MAX /* `printing`: a library is described */
enum { LODE_WORKER_PAGE_BYTES = 12288, LODE_WORKER_BEGUN_MAX = 1024 };

/* Its exit status if it could not begin for lack of a thread or of memory. */
enum { LODE_WORKER_LACKS = 75 };

struct lode_worker_page {
    uint64_t magic;
    _Atomic uint64_t started;
    _Atomic uint64_t finished;
    _Atomic uint64_t cancelled; /* written by the worker's link thread: task that is to stop */
    _Atomic uint64_t printing;
    _Atomic uint64_t printed;
    _Atomic uint32_t output_lock;
    _Atomic uint32_t pipe_lost;
    _Atomic uint32_t taken_end;
    _Atomic uint32_t crash_set;
    int32_t crash_signal;
    int32_t crash_code;     /* si_code: more than 0, or the signal was sent by a process */
    uint64_t crash_address; /* si_addr */
    _Atomic uint64_t begun[LODE_WORKER_BEGUN_MAX];
};
_Static_assert(sizeof(struct lode_worker_page) <= LODE_WORKER_PAGE_BYTES, "worker_page.h");

#endif
