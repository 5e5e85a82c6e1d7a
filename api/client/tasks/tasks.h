/*
 * tasks.h: what a session has with the scheduler: the state of its task client, for the files of
 * this folder and for the worker. Calls go out through the link; what comes back (ends, answers,
 * output) is handled on nng's threads.
 *
 *   NONE --first call: lode_tasks_of()--> CONNECTING --> UP --lode_close()--> (gone) |
 *                                            +--the scheduler's end--> DOWN +--nobody there, or no
 *                                            memory: NONE, and may be tried again
 *   DOWN is for good: every later call and every wait for a result of a task gives LODE_EDOWN.
 *
 * A program that uses only the store stays NONE: no thread, no nng.
 *
 * LOCK ORDER  tasks.mu (TASK_CLIENT) before the ring's and the link's. Numbers of submissions are
 *             given, and the records appended, under tasks.mu: so the link sees them without gaps.
 * Fork        the child closes the rendezvous socket and touches nothing else.
 */
#ifndef LODE_CLIENT_TASKS_H
#define LODE_CLIENT_TASKS_H

#include "api/base/fail.h"
#include "api/base/lock.h"
#include "api/client/channel/hooks.h"
#include "api/client/tasks/burst.h"
#include "api/client/tasks/function_cache.h"
#include "api/client/tasks/rendezvous.h"
#include "api/client/tasks/result_refs.h"
#include "api/client/tasks/submissions.h"

struct lode_private_cluster;
struct lode_request;

enum lode_tasks_state {
    LODE_TASKS_NONE = 0, /* not tried yet, or nobody was there */
    LODE_TASKS_CONNECTING = 1,
    LODE_TASKS_UP = 2,
    LODE_TASKS_DOWN = 3
};

/* What a worker wants besides: its records, and to know of the end. Called on nng's threads. */
struct lode_tasks_worker {
    uint32_t worker;
    void *arg;
    lode_link_record_fn record;     /* what is not for a program */
    void (*records_end)(void *arg); /* after the last one of those that came together */
    void (*down)(void *arg);
};

struct lode_tasks {
    lode *db;
    struct lode_session_hooks hooks;
    struct lode_private_cluster *cluster; /* that lode_open() started for the session; NULL: none */
    struct lode_tasks_worker worker;      /* record NULL: a program */
    struct lode_mutex mu;                 /* TASK_CLIENT: all below, where nothing else is said */
    struct lode_cond changed;             /* the state, or a request */
    _Atomic int state;                    /* enum lode_tasks_state; written under mu */
    struct lode_rendezvous *rendezvous;   /* the connecting thread's; complete from UP on */
    struct lode_link *link;               /* the rendezvous' */
    bool has_printed;                     /* since records came; the link's thread's */
    struct lode_burst burst;              /* of calls; see there for the locks */
    struct lode_function_cache functions;
    struct lode_submissions submissions;
    struct lode_request *requests; /* that wait for an answer */
    uint64_t submitted;            /* number of the last submission */
    _Atomic uint64_t cpus_total;   /* as far as was asked; a call may have so many. No lock */
    uint32_t last_tag;
    uint64_t unanswered;     /* attempts to connect in which the scheduler did not answer */
    pid_t silent;            /* the scheduler of the last of those; 0: it cannot be told */
    uint64_t scheduler_seen; /* without a session: which scheduler there was */
    _Atomic uint64_t parent; /* the task that this worker runs; 0: none. Any thread */
    struct lode_result_refs result_refs; /* any thread */
};

static inline int
lode_tasks_state(const struct lode_tasks *tasks)
{
    return atomic_load_explicit(&tasks->state, memory_order_acquire);
}

/*
 * The scheduler's number of the task that makes this call; 0: none does. A session that a task has
 * opened itself knows of the task through its process.
 */
static inline uint64_t
lode_tasks_parent(const struct lode_tasks *tasks)
{
    return tasks->worker.record != NULL ? atomic_load_explicit(&tasks->parent, memory_order_relaxed)
                                        : lode_hooks_task();
}

/* Fails with the sentence for a scheduler that is gone. */
static inline lode_err
lode_tasks_down(void)
{
    return lode_fail_with(LODE_EDOWN, "the scheduler has ended, and with it what was submitted; "
                                      "open a new session");
}

#endif
