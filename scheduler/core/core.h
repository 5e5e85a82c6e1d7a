/*
 * core.h: the scheduler's state machine: which tasks there are, what each waits for, which worker
 * holds which, and what has to be told to whom. step(state, event) → actions.
 *
 * The one rule: no I/O, no clock, no thread, no chance in here. Time comes in events; the same
 * events give the same actions, in the daemon and in the simulator (tests/sim).
 *
 * How it is driven, under one lock:
 *
 *     core_step(core, &event);                 any number of events
 *     while ((a = core_next_action(core)))     then what they ask for, in order
 *         carry_out(a, core_action_bytes(a));
 *
 * Carrying out never blocks and never fails: what can fail comes back as an event (a session that
 * cannot be sent to: CORE_SESSION_END; a worker that cannot be started: CORE_SPAWNED with err). A
 * SEND for a session that is gone, a KILL for a worker that is gone, are left out.
 *
 * Everything that comes from a session (record bytes) or from a worker's page is hostile and is
 * checked here; a session that breaks a rule is CUT. The daemon's own events are trusted: events
 * about sessions and workers that the core does not know (any more) are ignored.
 *
 * Ownership  event bytes: the caller's, valid during the step; action bytes: the core's, valid
 *            until the next core_step() or the call of core_next_action() that gives NULL
 * Blocking   never; Threads  one at a time, the caller locks
 * Errors     none; out of memory ends the process
 */
#ifndef LODE_SCHEDULER_CORE_H
#define LODE_SCHEDULER_CORE_H

#include "api/layout/worker_page.h"
#include "api/layout/error_object.h"
#include "api/wire/store_msg.h"
#include "api/wire/task_msg.h"

struct core;

enum {
    CORE_WORKER_MAX = 3072,      /* processes; the most that options.worker_max may say */
    CORE_PROGRAM_WORKERS = 1024, /* options.worker_max, if it says nothing */
    CORE_LOAD_S = 20,            /* options.load_s, if it says nothing */
    CORE_TASK_MAX = 1 << 24,     /* the most that options.task_max may say */
    CORE_STORE_IDS = LODE_STORE_IDS_MAX
};

struct core_options {
    uint32_t cpus;       /* in 1 / LODE_CPU_UNIT; more than 0 */
    uint32_t prestart;   /* workers that there always are; 0: the CPUs, rounded up */
    uint32_t worker_max; /* processes that hold tasks of one program, blocked ones included; 0:
                            CORE_PROGRAM_WORKERS */
    uint32_t load_s;     /* how long a worker may take to open a library; 0: CORE_LOAD_S */
    uint32_t task_max;   /* live tasks; 0: CORE_TASK_MAX */
    int64_t pid;         /* of the scheduler, for statistics */
    /* A library that is loaded when somebody first asks for a function of it; NULL: none. */
    const char *builtin_name; /* "blas" */
    const char *builtin_path; /* absolute */
};

/* ---- events --------------------------------------------------------------------------------- */

/* clang-format off */
enum core_event_type {
    CORE_SESSION_OPEN = 1, /* admitted: before its first record                  u.open      */
    CORE_SESSION_END,      /* rendezvous EOF, or a broken link; once             u.session   */
    CORE_RECORD,           /* a record of its link, in order                     u.record    */
    CORE_SPAWNED,          /* answer to SPAWN: it runs, or err                   u.spawned   */
    CORE_EXITED,           /* a worker was reaped; not after SPAWNED with err    u.exited    */
    CORE_NOTIFY,           /* NOTIFY of the store to a WATCH                     u.notify    */
    CORE_SETTLED,          /* SETTLED of the store, to SETTLE and RESULTS        u.settled   */
    CORE_ERROR_DONE,       /* a PUT_ERROR or REPORT is through                   u.cookie    */
    CORE_LIBRARY_COPIED,   /* answer to COPY_LIBRARY                             u.copied    */
    CORE_OFFER_AGAIN,      /* a scheduler before this one had it in OFFERED      u.offer     */
    CORE_OUTPUT,           /* bytes that a worker wrote                          u.output    */
    CORE_TIMER             /* the time of the last ARM_TIMER has come            none        */
};
/* clang-format on */

struct core_event {
    enum core_event_type type;
    int64_t now_ns; /* CLOCK_MONOTONIC; never less than in the event before */
    union {
        struct {
            uint64_t session;       /* the daemon's number, not 0, never used again */
            uint64_t store_session; /* the peer's at the store, as it said in its hello */
            int64_t pid;            /* SO_PEERCRED */
            uint32_t role;          /* enum lode_role */
            uint32_t worker; /* role worker: as in SPAWN; another number is CUT. Role program:
                                the worker in which it was opened, or a process that the worker
                                started; 0, or one that is not there: none */
            uint64_t task;   /* role program: that has started the process, in that worker */
            uint64_t key;    /* of that task's program, as in RUN */
            uint64_t secret; /* the key of the session's own program: random */
        } open;
        uint64_t session;
        struct {
            uint64_t session;
            const void *bytes; /* aligned to 8 */
            uint32_t size;
            uint16_t type; /* enum lode_task_msg */
        } record;
        struct {
            uint32_t worker;
            uint32_t err; /* LODE_OK, or it does not run */
            int64_t pid;
        } spawned;
        struct {
            uint32_t worker;
            int32_t status;                      /* as of waitpid() */
            const struct lode_worker_page *page; /* a copy made after the reaping; NULL: none */
        } exited;
        struct {
            uint64_t cookie;
            const struct lode_msg_ready *ready;
            uint32_t count;
        } notify;
        struct {
            uint64_t cookie;
            const uint8_t *status; /* enum lode_found, one for each id that was asked for */
            uint32_t count;        /* 0: the store is gone: nothing is sealed, nobody asks */
        } settled;
        uint64_t cookie;
        struct {
            uint64_t cookie;
            uint32_t err;     /* LODE_OK, or LODE_ELIBRARY … and `text` says why */
            const char *path; /* of the copy, the same for the same bytes */
            const char *text; /* a sentence; NULL or "" with LODE_OK */
        } copied;
        struct {
            const char *name;
            const char *source; /* the file */
        } offer;
        struct {
            uint32_t worker;
            uint32_t size;
            uint64_t task;    /* page->printing when they were read; 0: none */
            uint64_t program; /* whose pipe it is: the number of its root session; 0: nobody's */
            bool late;        /* the pipe is not the worker's any more: `task` says nothing */
            uint64_t record;  /* from no pipe: the worker has died, and left what this record
                                 PRINTED of it says; 0: from the pipe */
            bool ends_others; /* no task of the worker but `task` will print any more */
            const char *bytes;
        } output;
    } u;
};

/* ---- actions -------------------------------------------------------------------------------- */

/* clang-format off */
enum core_action_type {
    /*                        target          cookie   value     bytes                            */
    CORE_SEND = 1,         /* session         –        –         the record; its type: `message`  */
    CORE_CUT,              /* session         –        lode_err  a sentence: why. Close it; its
                                                                 CORE_SESSION_END is expected     */
    CORE_SPAWN,            /* worker          –        –         –   answer: CORE_SPAWNED         */
    CORE_KILL,             /* worker          –        signal    –                                */
    CORE_WATCH,            /* –               yes      –         lode_id[]   answer: CORE_NOTIFY  */
    CORE_UNWATCH,          /* –               yes      –         lode_id     no answer is wanted  */
    CORE_SETTLE,           /* store session   yes      –         lode_id[]   answer: CORE_SETTLED */
    CORE_RESULTS,          /* store session   yes      –         lode_id[]   answer: CORE_SETTLED */
    CORE_PUT_ERROR,        /* –               yes      –         struct core_put_error …
                                                                 answer: CORE_ERROR_DONE          */
    CORE_REPORT,           /* session         yes      –         struct core_report …
                                                                 answer: CORE_ERROR_DONE          */
    CORE_COPY_LIBRARY,     /* –               yes      –         path, 0     answer: …_COPIED     */
    CORE_REMOVE_COPY,      /* –               –        –         path, 0     nobody opens it      */
    CORE_OFFERED,          /* –               –        –         name, 0, file, 0 … of all that
                                                                 is offered to all, to be kept    */
    CORE_SPILL,            /* –               –        –         a record OUTPUT that no program is
                                                                 there to see                     */
    CORE_ARM_TIMER,        /* –               –        deadline  one timer: replaces what was set */
    CORE_LOG               /* –               –        –         id, 0, text, 0: for lode_log()   */
};
/* clang-format on */

/*
 * One action; `size` bytes follow, and the next action at the next multiple of 8. WATCH, SETTLE and
 * RESULTS carry at most CORE_STORE_IDS ids: one packet each. RESULTS comes for each session that
 * ends, also with no ids; a full one is followed by another (the store takes one that is not full
 * for the last). RESULTS without a session (0) has ids of any, and only asks.
 */
struct core_action {
    uint16_t type;
    uint16_t message;
    uint32_t size;
    uint64_t target;
    uint64_t cookie;
    int64_t value;
};

/*
 * Seal an object of kind error under each of `result_count` consecutive ids from `results`. Its
 * bytes are those of the error object `copy_from`, if that is not zero and can be read. Otherwise
 * they are the `error_size` bytes (struct lode_error_object …) that follow. An id that is sealed
 * already is left alone (LODE_EEXIST is success). CORE_ERROR_DONE follows when all are there, and
 * when the message was sent to `report_session` (not 0: as with REPORT).
 */
struct core_put_error {
    lode_id copy_from;
    lode_id results;
    uint32_t result_count;
    uint32_t error_size;
    uint64_t report_session;
    char name[LODE_TASK_NAME_MAX + 1]; /* of the task, for the report */
};

/*
 * Nobody waits for this failed task: read the error object `failed` and send its sentence to the
 * session (target) as OUTPUT with LODE_OUTPUT_FAILURE, then CORE_ERROR_DONE, whatever came of it.
 */
struct core_report {
    lode_id failed;
    char name[LODE_TASK_NAME_MAX + 1];
};

/* ---- the machine ---------------------------------------------------------------------------- */

/* Makes a core; its first actions (starting the workers) are there to be fetched. */
struct core *core_create(const struct core_options *options, int64_t now_ns);
void core_destroy(struct core *core);

void core_step(struct core *core, const struct core_event *event);

/* How many records PRINTED of that worker were stepped. */
uint64_t core_printed_records(struct core *core, uint32_t worker);

/*
 * The next action that was not fetched yet; NULL: none is left, and the bytes of all are invalid.
 */
const struct core_action *core_next_action(struct core *core);

static inline const void *
core_action_bytes(const struct core_action *action)
{
    return action + 1;
}

#endif
