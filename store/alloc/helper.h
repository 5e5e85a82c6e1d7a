/*
 * helper.h: one thread beside the store's loop, for work that would make the loop wait, such as
 * fallocate. The helper thread runs the jobs in the order of their submission. helper_drain() calls
 * their `done` on the loop thread, in the same order.
 *
 * Ownership  a job is its caller's memory and must stay until its `done` was called, which happens
 *            exactly once for each submitted job, at the latest in helper_destroy()
 * Threads    all calls: the loop thread; `run`: the helper thread, with all signals blocked;
 *            `done`: the loop thread. `run` may touch only what its job holds.
 * Blocking   none of these calls, but helper_destroy(), which waits for the job that runs
 *
 * The thread is started with the first job: a store that needs none has none. lode_last_error() is
 * per thread, so a `run` that fails keeps its error and numbers in its job.
 */
#ifndef LODE_STORE_ALLOC_HELPER_H
#define LODE_STORE_ALLOC_HELPER_H

#include <lode/cluster.h>

struct helper;

struct helper_job {
    void (*run)(struct helper_job *job);
    void (*done)(struct helper_job *job); /* see `ran`; may submit jobs, this one too */
    bool ran;                             /* false: the helper ended before the job's turn */
    struct helper_job *next;              /* the helper's */
};

/* Errors: LODE_ESYS no eventfd; LODE_ENOMEM. */
LODE_MUST_CHECK lode_err helper_create(struct helper **helper_out);

/* Waits for the running job, then calls `done` for every job, run or not. NULL is legal. */
void helper_destroy(struct helper *helper);

/* An eventfd, readable when helper_drain() has something to do: for the loop's epoll (EPOLLIN). */
int helper_fd(const struct helper *helper);

/* Errors: LODE_ESYS the thread cannot be started; then the job was not taken. */
LODE_MUST_CHECK lode_err helper_submit(struct helper *helper, struct helper_job *job);

/* Calls `done` of the jobs that have been run; returns how many. Never blocks. */
size_t helper_drain(struct helper *helper);

/*
 * Waits up to timeout_ms for a job to end, then drains: for starting up, for ending and for tests.
 */
size_t helper_wait(struct helper *helper, int64_t timeout_ms);

#endif
