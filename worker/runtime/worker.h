/*
 * worker.h: one worker process: a session with the store, a link to the scheduler, and a main
 * thread that runs what comes.
 *
 *   scheduler --RUN, RECALL …--> nng's threads (records.c) --queue--> main thread (run.c)
 *   main thread --commit record--> ring --store;  --DONE--> link --scheduler
 *
 * One rule: the user's code (functions, and constructors of libraries) runs on the main thread
 * only.
 *
 * It ends when the scheduler says QUIT, when its session with the scheduler or the store is over,
 * or when its lifeline ends: at once, whatever the user's code is doing.
 */
#ifndef WORKER_RUNTIME_WORKER_H
#define WORKER_RUNTIME_WORKER_H

#include "api/client/context/task_context.h"
#include "api/client/session/session.h"
#include "api/client/tasks/task_client.h"
#include "api/layout/worker_page.h"
#include "api/wire/later.h"
#include "worker/runtime/functions.h"
#include "worker/runtime/held.h"
#include "worker/runtime/populate.h"
#include "worker/process/printing.h"
#include "worker/runtime/queue.h"
#include "worker/runtime/sleeping.h"

#include <pthread.h>
#include <time.h>

struct worker {
    lode *db;
    struct lode_tasks *tasks;
    struct lode_worker_page *page; /* shared with the scheduler; only this worker writes it */
    struct queue queue;
    struct functions functions;
    struct held held;
    struct populate populate;
    struct lode_session_hooks hooks;
    struct lode_session_hooks inner_hooks; /* of sessions that tasks open themselves */
    pthread_t main_thread;
    clockid_t main_clock;      /* of its CPU time */
    _Atomic int64_t main_ran;  /* that time, when it was looked at last */
    struct lode_later *teller; /* sends what run.c holds back */
    struct lode_later *watch;  /* looks whether the main thread runs; see sleeping.h */
    struct sleeping sleeping;
    _Atomic uint32_t limit_ms; /* of the task page->cancelled: why it is to stop; see STOP_TASK */

    /* The main thread's. */
    struct printing printing;
    uint64_t program;     /* whose tasks it runs, as in RUN; 0: none yet, or a library's */
    bool is_used;         /* code of users has run, or runs */
    uint32_t own_threads; /* those of the worker itself and of lode-blas; see program.h */
    lode_task task;
    uint64_t begun;          /* tasks, for the page */
    int64_t now;             /* when the last function returned; 0: long ago, or nobody knows */
    int64_t held_back_since; /* when the oldest DONE that was not sent was made; 0: none waits */
    uint32_t held_back;
    bool unrung; /* a commit was published since the last doorbell */
};

/*
 * Makes a worker of a session that attached as a maker. Nothing runs yet.
 * Errors: LODE_ENOMEM.
 */
LODE_MUST_CHECK lode_err worker_init(struct worker *worker, lode *db,
                                     struct lode_worker_page *page);

/* The running task's time limit, if it is to stop because that is over; else 0. Any thread. */
uint32_t worker_limit_over(const struct worker *worker, uint64_t task);

/* Comes to the scheduler as worker `number`. Records arrive from now on. Errors: LODE_EDOWN … */
LODE_MUST_CHECK lode_err worker_connect(struct worker *worker, uint32_t number);

/* After worker_run() (run.h): tells the scheduler what is left to tell, and closes the session. */
void worker_fini(struct worker *worker);

#endif
