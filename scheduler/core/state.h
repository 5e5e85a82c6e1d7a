/*
 * state.h: what the core is made of, for the files of this folder only. The state machines are
 * drawn in scheduler/README.md; each function below says in which file it lives.
 */
#ifndef LODE_SCHEDULER_CORE_STATE_H
#define LODE_SCHEDULER_CORE_STATE_H

#include "api/base/assert.h"
#include "api/layout/id.h"
#include "api/wire/rendezvous_msg.h"
#include "scheduler/core/core.h"
#include "scheduler/core/libraries.h"
#include "scheduler/core/pool.h"

#include <lode/task.h>
#include <uthash.h>

/* The policy's numbers. */
enum {
    CORE_AHEAD_NS = 300000,         /* run time that may be queued at a worker */
    CORE_AHEAD_ONE_NS = 10000000,   /* below it, one task may be queued behind the running one */
    CORE_DEPTH_MAX = 1001,          /* tasks at a worker, the running one included */
    CORE_CHAIN_NS = 50000,          /* what may lie before a chained task if a worker is idle */
    CORE_TASK_COST_NS = 300,        /* what the shortest task is taken to last */
    CORE_QUANTUM = 16,              /* tasks of one session in a row */
    CORE_RECALL_NOW_NS = 200000,    /* queued ahead by more: recalled for an idle worker at once */
    CORE_RECALL_LATER_NS = 1000000, /* by less: looked at again after so long */
    CORE_ENDED_MAX = 64,            /* end notices that wait for one message */
    CORE_ENDED_NS = 5000000,        /* … and for how long */
    CORE_UNCHARGED_MAX = 10,        /* deaths of a worker before its first task began to run */
    CORE_MISSING_MAX = 16,          /* times that an argument may be there and then not be there */
    CORE_START_FAILURES = 5,        /* in a row: no worker can be started */
    CORE_DESCRIBE_MAX = 3,          /* workers that may die over one library */
    CORE_INLINE_ARGS = 64,
    CORE_FAILURES_KEPT = 16,
    CORE_LIBRARY_FUNCTIONS = 4096
};
#define CORE_BACKOFF_NS     INT64_C(10000000)    /* after the first worker that did not start */
#define CORE_BACKOFF_MAX_NS INT64_C(5000000000)  /* doubles up to this */
#define CORE_START_NS       INT64_C(30000000000) /* a worker that is not READY by then is killed */
#define CORE_SPARE_NS       INT64_C(2000000000)  /* an idle worker beyond `prestart` is kept */
#define CORE_STUCK_NS       INT64_C(1000000000)  /* every worker blocked and no more allowed */
#define CORE_WIDE_NS        INT64_C(50000000)    /* a wide task waits; then the others do */
#define CORE_RUN_MAX_NS     UINT64_C(3600000000000) /* a run time that is believed */

TAILQ_HEAD(core_task_list, core_task);
TAILQ_HEAD(core_session_list, core_session);
TAILQ_HEAD(core_worker_list, core_worker);
LIST_HEAD(core_dep_list, core_dep);

/* ---- tasks ---------------------------------------------------------------------------------- */

/* `ready` of a struct lode_task_arg, once the core has looked at it. */
enum core_arg_state {
    CORE_ARG_WATCHED = 0, /* the store is asked */
    CORE_ARG_THERE = 1,
    CORE_ARG_OF_TASK = 2, /* a live task will make it */
    CORE_ARG_OF_ITSELF = 3
};

enum core_task_state {
    CORE_TASK_WAITING = 1, /* for arguments */
    CORE_TASK_READY,       /* in its session's ready list */
    CORE_TASK_PLACED,      /* in a worker's queue; it may be running */
    CORE_TASK_SETTLING,    /* in a dead worker's queue; the store is asked what became of it */
    CORE_TASK_FAILING      /* its error object is on its way */
};

struct core_task {
    uint64_t number;
    TAILQ_ENTRY(core_task) link;       /* READY: session.ready; PLACED, SETTLING: worker.queue */
    TAILQ_ENTRY(core_task) of_session; /* session.tasks */
    struct core_session *session;
    struct core_worker *worker;     /* PLACED, SETTLING */
    struct core_function *function; /* NULL: there is no such function; FAILING from birth */
    struct core_dep *deps;          /* WAITING, chained: for results of live tasks */
    struct core_result *made;       /* what it will make: `result_count` of them */
    uint64_t submission;
    uint64_t parent;
    lode_id results;
    uint32_t result_count;
    uint32_t cpus;
    uint32_t max_retries;
    uint32_t attempts; /* charged */
    uint32_t flags;    /* LODE_SUBMIT_… */
    uint32_t waiting;  /* arguments that are not there; PLACED: chained, made in the same queue */
    uint32_t estimate_ns;
    uint32_t bytes_size;
    uint16_t arg_count;
    uint16_t name_size;
    uint8_t state;
    uint8_t missing;   /* times handed back for an argument */
    uint8_t uncharged; /* workers that died with it at the head, unstarted */
    bool watching : 1; /* WATCH is out, with its number as cookie */
    bool recalling : 1;
    bool cancelled : 1; /* somebody asked */
    bool abandoned : 1; /* its session ended and nobody else wants it: ends without a word */
    bool wanted : 1;    /* while its ended session is sorted out */
    bool done : 1;      /* while its dead worker is settled */
    uint8_t *bytes;     /* name, filled to 8, then the arguments; inline_bytes or malloc()ed */
    uint8_t inline_bytes[CORE_INLINE_ARGS];
};

/* An object that a live task will make, in the table by id. */
struct core_result {
    lode_id id;
    struct core_result *next_in_bucket;
    struct core_result *sibling; /* the task's next one */
    struct core_task *task;
    struct core_dep_list waiters;
};

/* One argument of a waiting task: the result of another task. */
struct core_dep {
    LIST_ENTRY(core_dep) of_result;
    struct core_dep *next; /* the task's */
    struct core_task *task;
    struct core_result *result;
    uint32_t arg_offset; /* of its struct lode_task_arg in the task's bytes */
};

struct core_results {
    struct core_result **bucket;
    size_t mask;
    size_t count;
    struct core_pool pool, deps;
};

/* ---- sessions, workers ---------------------------------------------------------------------- */

struct core_session {
    uint64_t number;
    uint64_t store_session;
    int64_t pid;
    struct core_worker *worker; /* role worker; NULL: a program, or its worker is reaped */
    bool is_worker;
    bool cut;   /* told to go: nothing of it counts any more */
    bool ended; /* kept while it has tasks */
    bool active;
    uint32_t queries; /* RESULTS that are out */
    uint32_t task_count;
    uint32_t quantum;
    uint64_t last_submission;
    uint64_t last_result; /* counter of the highest result id that it submitted */
    struct core_task_list tasks;
    struct core_task_list ready;
    TAILQ_ENTRY(core_session) active_link; /* core.active: has ready tasks */
    TAILQ_ENTRY(core_session) notice_link; /* core.notices: has end notices */
    int64_t notice_since;
    uint32_t ended_count;
    uint64_t ended_submissions[CORE_ENDED_MAX];
    UT_hash_handle by_number, by_store;
};

enum core_worker_state {
    CORE_WORKER_STARTING = 1,
    CORE_WORKER_UP,
    CORE_WORKER_QUITTING, /* told to go, or being killed: gets nothing more */
    CORE_WORKER_DEAD      /* reaped; its tasks are being settled */
};

enum core_worker_place { CORE_PLACE_NONE = 0, CORE_PLACE_IDLE, CORE_PLACE_OPEN };

struct core_worker {
    uint32_t number;
    uint8_t state;
    uint8_t place; /* which list `link` is in */
    bool blocked;
    bool stale; /* holds an old version of a library: gets nothing more, is replaced */
    bool killed;
    bool was_up;
    int64_t pid;
    struct core_session *session;
    uint64_t store_session;
    TAILQ_ENTRY(core_worker) all_link;
    TAILQ_ENTRY(core_worker) link; /* core.idle or core.open */
    struct core_task_list queue;   /* in the order of sending */
    uint32_t count;
    uint32_t chained; /* tasks in the queue that wait for others in it */
    uint32_t recalls; /* RECALLs that are out */
    uint64_t queued_ns;
    uint32_t lease; /* CPUs, the same for each task in the queue; valid with count > 0 */
    int64_t since;  /* STARTING: started; idle: since when */
    uint64_t blocked_task;
    struct core_load *describing;
    uint64_t *known; /* bits: functions that it was told */
    uint32_t known_words;
    struct core_library **held; /* libraries that it has opened */
    uint32_t held_count;
    uint64_t finished;                   /* tasks */
    struct core_function *last_function; /* whose task ended last */
    uint64_t last_session;
    char last_name[LODE_TASK_NAME_MAX + 1];
    struct core_told *told; /* the last ones of `told_count` that it said were done */
    uint64_t told_count;
    uint32_t told_room;
    uint32_t asked; /* DEAD: tasks that the store was asked about */
    struct core_death {
        int64_t pid;
        int32_t signal, exit_status;
        uint64_t finished;                     /* from its page: the last task, */
        uint64_t begun[LODE_WORKER_BEGUN_MAX]; /* and those that had begun */
        char backtrace[LODE_WORKER_BACKTRACE_MAX];
    } * death;
    UT_hash_handle hh;
};

/* ---- the scheduler -------------------------------------------------------------------------- */

/* A RESULTS that is out: which task each id belongs to. */
struct core_query {
    uint64_t cookie;
    struct core_session *session;
    uint32_t count;
    UT_hash_handle hh;
    uint64_t task[];
};

struct core_failure {
    int64_t when_ns;
    lode_err code;
    int64_t pid;
    int32_t signal;
    char function[LODE_TASK_NAME_MAX + 1];
    char message[256];
};

struct core {
    struct core_options options;
    char *builtin_name, *builtin_path;
    int64_t now, started_ns;

    uint8_t *out; /* actions */
    size_t out_used, out_read, out_room;

    struct core_pool task_pool;
    struct core_task **slot;                  /* by the low bits of the number */
    uint32_t slot_room, slot_used, slot_free; /* slot_free: 1 + first free one; 0: none */
    uint64_t serial;
    struct core_results results;

    struct core_session *sessions;  /* by number */
    struct core_session *by_store;  /* by store session */
    struct core_session *last_seen; /* the session of the last record */
    struct core_session_list active, notices;
    uint64_t ready_count, waiting_count;

    struct core_worker *workers; /* by number */
    struct core_worker_list all, idle, open;
    uint32_t next_worker;
    uint32_t processes; /* started and not reaped */
    uint32_t starting;  /* of them, not up yet */
    uint32_t usable;    /* up, not blocked, not stale */
    uint32_t stacked;   /* workers with more than one task */
    uint64_t cpus_used;
    uint32_t start_failures;
    int64_t spawn_after;
    bool pool_changed;     /* a worker came, went, blocked …: count them again */
    int64_t pool_deadline; /* when time alone changes something in the pool; 0: never */

    int64_t timer;     /* armed for; 0: not */
    int64_t recall_at; /* look again for queued tasks to recall; 0: no */
    int64_t stuck_since;
    int64_t wide_since;
    struct core_session *wide;

    struct core_function **function;
    uint32_t function_count, function_room;
    struct core_library *libraries;
    struct core_load_list loads;
    uint64_t next_cookie;
    struct core_query *queries;
    struct core_told_query *told_queries;

    struct core_failure failure[CORE_FAILURES_KEPT];
    uint64_t failure_count;
    lode_scheduler_stats stats; /* the counters; gauges are filled in when asked */
};

/* ---- output.c: actions ---------------------------------------------------------------------- */

/* Room for the bytes of one action, to be filled before the next one is made. */
void *core_emit(struct core *core, enum core_action_type type, uint64_t target, uint64_t cookie,
                int64_t value, uint32_t size);
/* A record for a session; its end notices ride along in front. NULL: the session is gone. */
void *core_send(struct core *core, struct core_session *session, enum lode_task_msg message,
                uint32_t size);
/* Cuts a session, once: a sentence for it and for the log. */
void core_cut(struct core *core, struct core_session *session, lode_err err, const char *format,
              ...) LODE_PRINTF(4, 5);
void core_log(struct core *core, const char *id, const char *format, ...) LODE_PRINTF(3, 4);

/* ---- sessions.c ----------------------------------------------------------------------------- */

struct core_session *core_session_find(struct core *core, uint64_t number);
struct core_session *core_session_of_store(struct core *core, uint64_t store_session);
void core_session_open(struct core *core, const struct core_event *event);
void core_session_end(struct core *core, uint64_t number);
/* Frees an ended session that nothing refers to any more. */
void core_session_settle(struct core *core, struct core_session *session);
/* One of its tasks has ended: a notice, now or later. */
void core_session_notice(struct core *core, struct core_session *session, uint64_t submission);
void core_session_flush(struct core *core, struct core_session *session);
void core_results_answered(struct core *core, uint64_t cookie, const uint8_t *status,
                           uint32_t count);

/* ---- results.c ------------------------------------------------------------------------------ */

void core_results_init(struct core_results *results);
void core_results_fini(struct core_results *results);
struct core_result *core_result_find(struct core_results *results, lode_id id);
void core_result_add(struct core_results *results, struct core_task *task, lode_id id);
void core_results_remove(struct core_results *results, struct core_task *task);
void core_dep_add(struct core_results *results, struct core_task *task, struct core_result *result,
                  uint32_t arg_offset);
void core_deps_remove(struct core_results *results, struct core_task *task);

/* ---- submit.c ------------------------------------------------------------------------------- */

void core_submit(struct core *core, struct core_session *session, const void *bytes, uint32_t size);
/* Finds out what the task waits for; nothing: it is ready. */
void core_task_look_for_args(struct core *core, struct core_task *task, bool trust);
void core_notified(struct core *core, uint64_t cookie, const struct lode_msg_ready *ready,
                   uint32_t count);

/* ---- tasks.c: every change of a task's state ------------------------------------------------ */

struct core_task *core_task_find(const struct core *core, uint64_t number);
struct core_task *core_task_create(struct core *core, struct core_session *session);
const char *core_task_name(const struct core_task *task, char room[LODE_TASK_NAME_MAX + 1]);
void core_task_ready(struct core *core, struct core_task *task, bool first);
void core_task_place(struct core *core, struct core_task *task, struct core_worker *worker);
/* The same for a task that is in no list. */
void core_task_put(struct core *core, struct core_task *task, struct core_worker *worker);
/* It was placed and is in no list: to be run elsewhere, or it waits again for its makers. */
void core_task_back(struct core *core, struct core_task *task);
/* From READY or PLACED: it belongs to no list any more. */
void core_task_unlink(struct core *core, struct core_task *task);
/* An argument is there. */
void core_task_arg_ready(struct core *core, struct core_task *task, uint32_t arg_offset);
/* Its results are there, or (error) error objects in their place. */
void core_task_end(struct core *core, struct core_task *task, bool error);
/* It will not run (again): makes the error object. The task must be in no list. */
void core_task_fail(struct core *core, struct core_task *task, lode_err code,
                    const struct core_death *death, const char *format, ...) LODE_PRINTF(5, 6);
void core_task_fail_as(struct core *core, struct core_task *task, lode_id cause);
/* Ends it if it was cancelled or abandoned; false: neither. The task must be in no list. */
bool core_task_stop(struct core *core, struct core_task *task);
void core_task_cancel(struct core *core, struct core_task *task, bool abandon);
void core_task_error_done(struct core *core, uint64_t cookie);
void core_task_done(struct core *core, struct core_worker *worker,
                    const struct lode_task_done *done);

/* ---- chain.c -------------------------------------------------------------------------------- */

/* A WAITING task goes to the worker that has all its makers; false: it stays. */
bool core_chain(struct core *core, struct core_task *task);
/* The same for all that wait for a task that was placed just now, and for those behind them. */
void core_chain_behind(struct core *core, struct core_task *task);

/* ---- dispatch.c ----------------------------------------------------------------------------- */

void core_dispatch(struct core *core);
/* One more of that function, by lease and slow start. */
bool core_worker_may_queue(const struct core_worker *worker, const struct core_task *task);
/* True if the worker would have to open a second version of a library. */
bool core_worker_would_conflict(const struct core_worker *worker,
                                const struct core_function *function);
/* Fetches unstarted tasks of busy workers for idle ones. */
void core_rebalance(struct core *core);
void core_recalled(struct core *core, struct core_worker *worker, const uint64_t *task,
                   uint32_t count);
/* Asks a worker for one task back, or (task NULL) for all that it has not started. */
void core_recall(struct core *core, struct core_worker *worker, struct core_task *task);
/* Fails what is ready and cannot be run, ever. */
void core_fail_ready(struct core *core, lode_err code, const char *why);

/* ---- workers.c ------------------------------------------------------------------------------ */

struct core_worker *core_worker_find(struct core *core, uint32_t number);
void core_worker_ready(struct core *core, struct core_worker *worker);
void core_worker_spawned(struct core *core, uint32_t number, int64_t pid, uint32_t err);
void core_worker_blocked(struct core *core, struct core_worker *worker, uint64_t task);
void core_worker_unblocked(struct core *core, struct core_worker *worker);
void core_worker_kill(struct core *core, struct core_worker *worker);
void core_worker_quit(struct core *core, struct core_worker *worker);
/* Nothing more is given to it; what it has stays until it is reaped. */
void core_worker_give_up(struct core *core, struct core_worker *worker);
/* Puts it into the list that it belongs to: idle, open, none. After each change of it. */
void core_worker_relist(struct core *core, struct core_worker *worker);
/* Into and out of its queue, with the CPUs. */
void core_worker_take(struct core *core, struct core_worker *worker, struct core_task *task);
void core_worker_lose(struct core *core, struct core_worker *worker, struct core_task *task);
void core_worker_output(struct core *core, const struct core_event *event);
void core_worker_free(struct core *core, struct core_worker *worker);

/* ---- settle.c ------------------------------------------------------------------------------- */

void core_worker_exited(struct core *core, const struct core_event *event);
void core_worker_settled(struct core *core, uint64_t cookie, const uint8_t *status, uint32_t count);

/* ---- told.c --------------------------------------------------------------------------------- */

/* Its worker says that it is done: the results may still lie in the worker's ring. */
void core_told_note(struct core_worker *worker, const struct core_task *task);
/* It is dead: the store is asked for what it said was done. */
void core_told_ask(struct core *core, const struct core_worker *worker);
/* False: the cookie is of another question. */
bool core_told_answered(struct core *core, uint64_t cookie, const uint8_t *status, uint32_t count);
void core_told_fini(struct core *core);

/* ---- staff.c -------------------------------------------------------------------------------- */

void core_workers_start(struct core *core);
/* One died before it was up: the next one is started later, each time twice as much later. */
void core_worker_start_failed(struct core *core);
/* Starts what is missing, ends what is too much. */
void core_workers_adjust(struct core *core);

/* The cookies of a SETTLE for a dead worker's queue are its number; the others are odd and come from
 * next_cookie. */
static inline uint64_t
core_settle_cookie(const struct core_worker *worker)
{
    return (uint64_t)worker->number << 1;
}

/* ---- errors.c, stats.c, timer.c ------------------------------------------------------------- */

/* Emits PUT_ERROR for all results of a task. */
void core_put_error(struct core *core, const struct core_task *task, lode_id copy_from,
                    lode_err code, const struct core_death *death, const char *message);
void core_describe_death(const struct core_death *death, char *text_out, size_t room);
void core_failure_note(struct core *core, const struct core_task *task, lode_err code,
                       const struct core_death *death, const char *message);
void core_send_stats(struct core *core, struct core_session *session, const void *bytes,
                     uint32_t size);
void core_timer_fired(struct core *core);
/* Makes sure that the timer fires no later than the first thing that time decides. */
void core_timer_arm(struct core *core);

static inline uint32_t
core_align8(uint32_t size)
{
    return (size + 7) & ~UINT32_C(7);
}

#endif
