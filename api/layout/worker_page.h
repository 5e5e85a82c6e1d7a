/*
 * worker_page.h: the page that a worker shares with the scheduler (a memfd, inherited): what it
 * started and finished, readable after its death.
 *
 *   field       written by   order              read by     order
 *   begun       worker       relaxed, before    scheduler   after the worker was reaped
 *   started     worker       seq_cst, before    scheduler   acquire, after the worker was reaped;
 *   finished    worker       release, after                 relaxed for display
 *   function    worker       plain, before started
 *   crash       worker       plain, in a signal handler; crash.set last (release)
 *
 * started is the scheduler's task number, set before the function is called; finished is set to the
 * same number after its results were published in the ring. begun has the numbers of the last tasks
 * that were started, in turn, more of them than a worker is ever given; the number of one that is
 * handed back, its arguments missing, is taken out again. What is in it and has no result may have
 * run, and is charged with an attempt; nothing else is. A hostile or torn page yields numbers that
 * no task has, which the scheduler ignores.
 */
#ifndef LODE_LAYOUT_WORKER_PAGE_H
#define LODE_LAYOUT_WORKER_PAGE_H

#include <stdatomic.h>
#include <stdint.h>

#define LODE_WORKER_PAGE_MAGIC UINT64_C(0x3167507265726b57)
enum {
    LODE_WORKER_PAGE_BYTES = 12288,
    LODE_WORKER_BACKTRACE_MAX = 2048,
    LODE_WORKER_BEGUN_MAX = 1024
};

struct lode_worker_page {
    uint64_t magic;
    _Atomic uint64_t started;
    _Atomic uint64_t finished;
    _Atomic uint64_t cancelled; /* written by the worker's link thread: task that is to stop */
    _Atomic uint32_t function;
    _Atomic uint32_t crash_set;
    int32_t crash_signal;
    int32_t crash_code;
    uint64_t crash_address;
    char crash_backtrace[LODE_WORKER_BACKTRACE_MAX];
    _Atomic uint64_t begun[LODE_WORKER_BEGUN_MAX];
};
_Static_assert(sizeof(struct lode_worker_page) <= LODE_WORKER_PAGE_BYTES, "worker_page.h");

#endif
