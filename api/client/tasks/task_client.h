/*
 * task_client.h: a session's other half: what it has with the scheduler. Calls go out through the
 * link; what comes back (ends, answers, output) is handled on nng's threads.
 *
 *   (nothing) --first call: lode_tasks_of()--> CONNECTING --> UP --lode_close()--> (gone)
 *                                                 |            +--the scheduler's end--> DOWN
 *                                                 +--nobody there: as before, may be tried again
 *   DOWN is for good: every later call and every wait for a result of a task gives LODE_EDOWN.
 *
 * A program that uses only the store never comes here: no thread, no nng.
 *
 * LOCK ORDER  tasks.mu (TASK_CLIENT) before the ring's and the link's. Numbers of submissions are
 *             given, and the records appended, under tasks.mu: so the link sees them without gaps.
 * Fork        the child closes the rendezvous socket and touches nothing else.
 */
#ifndef LODE_CLIENT_TASK_CLIENT_H
#define LODE_CLIENT_TASK_CLIENT_H

#include "api/base/lock.h"
#include "api/client/tasks/function_cache.h"
#include "api/client/tasks/rendezvous.h"
#include "api/client/session/session.h"
#include "api/client/tasks/submissions.h"
#include "api/wire/task_msg.h"

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
    lode_link_record_fn record; /* what is not for a program */
    void (*down)(void *arg);
};

struct lode_tasks {
    lode *db;
    struct lode_session_hooks hooks;
    struct lode_tasks_worker worker;    /* record NULL: a program */
    struct lode_mutex mu;               /* TASK_CLIENT: all below, where nothing else is said */
    struct lode_cond changed;           /* the state, or a request */
    _Atomic int state;                  /* enum lode_tasks_state; written under mu */
    struct lode_rendezvous *rendezvous; /* valid from UP on */
    struct lode_link *link;             /* the rendezvous' */
    struct lode_function_cache functions;
    struct lode_submissions submissions;
    struct lode_request *requests; /* that wait for an answer */
    uint64_t submitted;            /* number of the last submission */
    uint64_t cpus_total;           /* as far as was asked; a call may have so many */
    uint32_t last_tag;
    uint64_t scheduler_seen; /* without a session: which scheduler there was */
    _Atomic uint64_t parent; /* the task that this worker runs; 0: none. Any thread */
};

/*
 * The session's task client, connected. The first call connects.
 *
 * Blocking  the first call, until the scheduler's welcome (5 s at most)
 * Errors    LODE_EDOWN no scheduler runs, or it has ended; LODE_EUNSUPPORTED the session was opened
 *           with LODE_OPEN_STORE_ONLY; as lode_session_check(); as lode_rendezvous_open()
 */
LODE_MUST_CHECK lode_err lode_tasks_of(lode *db, struct lode_tasks **tasks_out);

/* The same for a worker, before anything else has asked: role and records are those of `worker`. */
LODE_MUST_CHECK lode_err lode_tasks_connect_worker(lode *db, const struct lode_tasks_worker *worker,
                                                   struct lode_tasks **tasks_out);

/* The task client if there is one, connected or not; else NULL. No lock, never blocks. */
struct lode_tasks *lode_tasks_peek(const lode *db);

/*
 * Sees to it that waits of this session for results end with the scheduler: for a session that never
 * called a task. Connects to nobody. Any thread.
 */
void lode_tasks_watch(lode *db);

/* Fails with the sentence for a scheduler that is gone. */
lode_err lode_tasks_down(void);

/*
 * True while this thread takes or drops references that a call holds (not the task that made the
 * call): a worker does not book them on its task.
 */
bool lode_tasks_holds_for_call(void);

/* ---- for the files of the task client (submit.c, requests.c, task_records.c) --------------- */

/* Takes, or drops, references for a call. Not under tasks.mu: the ring may have to wait. */
LODE_MUST_CHECK lode_err lode_tasks_take(lode *db, const lode_id *ids, size_t count);
void lode_tasks_drop(lode *db, const lode_id *ids, size_t count);

/* A record from the scheduler; the link's callback. */
lode_err lode_tasks_record(void *tasks, uint16_t type, const void *bytes, uint32_t size);

/* A question that the scheduler answers; lives on the asking thread's stack. */
struct lode_request {
    struct lode_request *next;
    uint32_t tag;
    uint16_t answer; /* the type of record that answers it */
    bool done;
    lode_err err;
    uint32_t function, results; /* RESOLVED */
    lode_scheduler_stats stats; /* STATS_ARE */
    char *text;                 /* malloc'ed: of an error, or the JSON document; may be NULL */
};

/*
 * Sends the question, with a new tag and `rest` behind it, and waits for the answer. STATS: `rest`
 * is NULL, and rest_size LODE_STATS_AFTER_OUTPUT or 0.
 *
 *   request_out  the answer; text is the caller's to free, also when it fails
 *
 * Errors  LODE_ETIMEDOUT, LODE_EDOWN; what the answer says, with its text
 */
LODE_MUST_CHECK lode_err lode_tasks_ask(struct lode_tasks *tasks, uint16_t type, uint16_t answer,
                                        const void *rest, uint32_t rest_size, int64_t timeout_ms,
                                        struct lode_request *request_out);

/* On nng's threads: gives an answer to who waits for it. One that nobody waits for is dropped. */
void lode_tasks_answer(struct lode_tasks *tasks, const struct lode_request *answer,
                       const void *text, size_t text_size);

/*
 * The function of that name, asked for if it is not known.
 * Errors: LODE_ELIBRARY; LODE_EINVAL no "library.function"; LODE_EDOWN.
 */
LODE_MUST_CHECK lode_err lode_tasks_resolve(struct lode_tasks *tasks, const char *name,
                                            struct lode_known_function *function_out);

/* ---- for the command line ------------------------------------------------------------------- */

/*
 * The scheduler's figures, and its JSON document for `lode status`.
 *
 *   json_out  malloc'ed text, the caller's; may be NULL: not wanted
 */
LODE_MUST_CHECK lode_err lode_tasks_status(lode *db, lode_scheduler_stats *stats_out,
                                           char **json_out);

/*
 * lode_load(), and under which name the library's functions are called.
 *
 *   name_out  malloc'ed text, the caller's; NULL in it: the scheduler did not say; may be NULL
 */
LODE_MUST_CHECK lode_err lode_tasks_load(lode *db, const char *path, char **name_out);

#endif
