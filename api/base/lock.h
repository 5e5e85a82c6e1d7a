/*
 * lock.h: mutexes with a name and a rank. A thread takes locks in rising rank only; builds with
 * assertions check that, and lode_mutex_assert_held() says what a comment would.
 *
 * LOCK ORDER, complete: the table below. A new lock gets a row.
 */
#ifndef LODE_BASE_LOCK_H
#define LODE_BASE_LOCK_H

#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>

/* clang-format off */
/*    name                 rank  protects                                                     */
#define LODE_LOCK_MAP(X)                                                                       \
    X(LINK_DELIVERY,        5)   /* wire: one record of a link at a time is handed over       */ \
    X(PRIVATE_CLUSTERS,     5)   /* client: private clusters of this process                  */ \
    X(PROCESS_SESSIONS,    10)   /* client: the list of this process's sessions, fork         */ \
    X(WAITSET,             15)   /* client: one change of a wait set at a time                */ \
    X(TASK_CLIENT,         20)   /* client: submissions, resolved functions                   */ \
    X(SEGMENT_MAPS,        30)   /* client: which segments are mapped                         */ \
    X(DRAFT_PAGES,         35)   /* client: which pages of the writable views are open        */ \
    X(RING,                40)   /* client: the producer side of the session's ring           */ \
    X(STORE_CALLS,         50)   /* client: who reads the store's socket, who waits for what  */ \
    X(STORE_SOCKET,        52)   /* client: packets that the store must have and has no room for */ \
    X(SCHEDULER_CORE,      60)   /* scheduler: the state machine                              */ \
    X(SCHEDULER_QUEUE,     65)   /* scheduler: events that wait for the core                  */ \
    X(LIBRARY_JOBS,        66)   /* scheduler: libraries to be copied                         */ \
    X(FAILURE_JOBS,        66)   /* scheduler: error objects to be read                       */ \
    X(STORE_ASKS,          67)   /* scheduler: what the store has not answered                */ \
    X(WORKER_QUEUE,        70)   /* worker: tasks that wait for the main thread               */ \
    X(WORKER_FUNCTIONS,    72)   /* worker: which functions there are                         */ \
    X(WORKER_HELD,         75)   /* worker: what the running task holds                       */ \
    X(WORKER_POPULATE,     77)   /* worker: what is to be mapped ahead                        */ \
    X(WORKER_SLEEPING,     78)   /* worker: whether its task sleeps, and what was told of it  */ \
    X(WIRE_START,          79)   /* wire: whether nng and the reaper have been started        */ \
    X(LINK,                80)   /* wire: one link's queues                                   */ \
    X(STORE_ASYNC,         83)   /* client: packets that wait for the store's socket          */ \
    X(STORE_HELPER,        85)   /* store: jobs of the helper thread                          */ \
    X(REAPER,              90)   /* wire: links that wait to be closed                        */
/* clang-format on */

enum lode_lock_rank {
#define LODE_LOCK_ENUM(name, rank) LODE_LOCK_##name = (rank),
    LODE_LOCK_MAP(LODE_LOCK_ENUM)
#undef LODE_LOCK_ENUM
};

struct lode_mutex {
    pthread_mutex_t mutex;
    enum lode_lock_rank rank;
    pthread_t holder; /* valid while held; for assertions */
    _Atomic bool held;
};

void lode_mutex_init(struct lode_mutex *mu, enum lode_lock_rank rank);
void lode_mutex_fini(struct lode_mutex *mu);
void lode_mutex_lock(struct lode_mutex *mu);
bool lode_mutex_try_lock(struct lode_mutex *mu); /* any rank: cannot deadlock */
void lode_mutex_unlock(struct lode_mutex *mu);
void lode_mutex_assert_held(struct lode_mutex *mu);

/* A condition variable on CLOCK_MONOTONIC. wait: true if woken, false at the deadline. */
struct lode_cond {
    pthread_cond_t cond;
};
void lode_cond_init(struct lode_cond *cond);
void lode_cond_fini(struct lode_cond *cond);
bool lode_cond_wait(struct lode_cond *cond, struct lode_mutex *mu, long long deadline_ns);
void lode_cond_signal(struct lode_cond *cond);
void lode_cond_broadcast(struct lode_cond *cond);

#endif
