/*
 * task_msg.h: every message between the scheduler, programs and workers, in one table.
 *
 * They travel as records in the batches of a link (api/wire/link.h), which delivers each exactly
 * once and in order while the session lives. One record is one struct below, then its variable
 * part. Numbers are native (one machine); ids are lode_id. A receiver checks sizes and ranges; a
 * record that breaks a rule ends the session that sent it.
 */
#ifndef LODE_WIRE_TASK_MSG_H
#define LODE_WIRE_TASK_MSG_H

#include <lode/object.h>

enum {
    LODE_TASK_RECORD_MAX = 2 << 20, /* bytes of one record */
    LODE_TASK_INLINE_MAX = 1 << 20, /* bytes of the inline arguments of one call */
    LODE_TASK_ARGS_MAX = 1024,
    LODE_TASK_RESULTS_MAX = 1000, /* so that one commit record has room for all */
    LODE_TASK_NAME_MAX = 127,
    LODE_TASK_WHY_MAX = 511,    /* bytes of the sentence of a failed task */
    LODE_TASK_ERROR_MAX = 1024, /* bytes of an error object that the scheduler is to put */
    LODE_CPU_UNIT = 10000       /* num_cpus is counted in these */
};

/* clang-format off */
/*    name          no  to         struct                   variable part                       */
#define LODE_TASK_MSG_MAP(X)                                                                      \
    X(SUBMIT,        1, scheduler, lode_task_submit,   "name, then arguments")                     \
    X(RESOLVE,       2, scheduler, lode_task_resolve,  "library.function")   /* RESOLVED      */   \
    X(RESOLVED,      3, session,   lode_task_resolved, "text of an error")                         \
    X(LOAD,          4, scheduler, lode_task_load,     "absolute path")      /* LOADED        */   \
    X(LOADED,        5, session,   lode_task_loaded,   "the library's name, or text of an error")  \
    X(CANCEL,        6, scheduler, lode_task_cancel,   "")                                         \
    X(ENDED,         7, session,   lode_task_ended,    "uint64_t submission[count]")               \
    X(OUTPUT,        8, session,   lode_task_output,   "name, then the text")                      \
    X(STATS,         9, scheduler, lode_task_stats,    "")                   /* STATS_ARE     */   \
    X(STATS_ARE,    10, session,   lode_task_stats,    "JSON document for lode status")            \
    X(LIST,         11, scheduler, lode_task_list,     "")                   /* LISTED        */   \
    X(LISTED,       12, session,   lode_task_list,     "JSON document for lode tasks")             \
    X(READY,        16, scheduler, lode_task_worker,   "")                   /* worker is up  */   \
    X(FUNCTION,     17, worker,    lode_task_function, "path, 0, symbol name, 0, full name, 0")    \
    X(RUN,          18, worker,    lode_task_run,      "arguments")                                \
    X(DONE,         19, scheduler, lode_task_done,     "FAILED: why; UNSTORED: the error object")  \
    X(RECALL,       20, worker,    lode_task_recall,   "uint64_t task[count]; 0: all unstarted")   \
    X(RECALLED,     21, scheduler, lode_task_recall,   "uint64_t task[count]")                     \
    X(STOP_TASK,    22, worker,    lode_task_cancel,   "")                                         \
    X(BLOCKED,      23, scheduler, lode_task_worker,   "")                                         \
    X(UNBLOCKED,    24, scheduler, lode_task_worker,   "")                                         \
    X(DESCRIBE,     25, worker,    lode_task_load,     "path of the copy")   /* DESCRIBED     */   \
    X(DESCRIBED,    26, scheduler, lode_task_loaded,   "library name, 0, then per function: "      \
                                                       "name, 0, signature, 0, uint32_t results; or the error's text") \
    X(QUIT,         27, worker,    (none),             "")                                         \
    X(GIVE_UP,      28, worker,    lode_task_give_up,  "")                                         \
    X(FORGET,       29, session,   lode_task_forget,   "")                                         \
    X(PRINTED,      30, scheduler, lode_task_printed,  "what the task wrote and nobody has read")
/* clang-format on */

enum lode_task_msg {
#define LODE_TASK_MSG_ENUM(name, value, to, type, rest) LODE_TASK_##name = (value),
    LODE_TASK_MSG_MAP(LODE_TASK_MSG_ENUM)
#undef LODE_TASK_MSG_ENUM
        LODE_TASK_MSG_END
};

/*
 * An argument in a SUBMIT or RUN: this header, then `size` bytes (a lode_id, an int64_t, a double,
 * text with its closing zero, bytes), filled with zeros to a multiple of 8.
 */
struct lode_task_arg {
    uint8_t kind;  /* enum lode_arg_kind */
    uint8_t ready; /* SUBMIT: the submitter knows that the object is sealed */
    uint16_t pad;
    uint32_t size;
};

enum {
    LODE_SUBMIT_UNATTENDED = 1, /* nobody waits: print a failure at the submitter */
    LODE_SUBMIT_UNTOLD = 2      /* the submitter holds nothing for the call: no ENDED */
};

/* submission: the session's own running number, from 1, without gaps. */
struct lode_task_submit {
    uint64_t submission;
    uint64_t parent; /* the scheduler's number of the task that submits; 0: none */
    lode_id results; /* the first of result_count consecutive ids */
    uint32_t function;
    uint32_t result_count;
    uint32_t cpus; /* in 1 / LODE_CPU_UNIT */
    uint32_t max_retries;
    uint32_t flags;
    uint16_t arg_count;
    uint16_t name_size;  /* of the display name, filled to a multiple of 8; 0: the function's */
    uint32_t timeout_ms; /* from now on; 0: no limit */
    uint32_t pad;
};

struct lode_task_resolve {
    uint32_t tag;
    uint32_t pad;
    uint64_t parent; /* the task that asks, as in SUBMIT */
};

struct lode_task_resolved {
    uint32_t tag;
    uint32_t err;
    uint32_t function; /* number, valid for the scheduler's life */
    uint32_t results;
};

enum {
    LODE_LOAD_FOR_ALL = 1, /* offered to all programs; else the session's program alone has it */
    LODE_LOAD_REPLACE = 2  /* the name may stand for a library from another file */
};

struct lode_task_load {
    uint32_t tag;
    uint32_t flags;  /* LODE_LOAD_… */
    uint64_t parent; /* the task that loads, as in SUBMIT; DESCRIBE: 0 */
};

enum {
    LODE_FORGET_VERSIONS = 0, /* of a name a newer version was loaded */
    LODE_FORGET_PROGRAM = 1   /* a worker: its tasks are another program's from now on */
};

/*
 * What the session knows of names of functions counts no more: it asks again. What it submits until
 * it has heard this is bound to what the names stand for now.
 */
struct lode_task_forget {
    uint32_t flags; /* LODE_FORGET_… */
    uint32_t pad;
};

struct lode_task_loaded {
    uint32_t tag;
    uint32_t err;
};

struct lode_task_cancel {
    lode_id result;    /* CANCEL: the first result of the task */
    uint64_t task;     /* STOP_TASK */
    uint32_t flags;    /* CANCEL: LODE_CANCEL_… */
    uint32_t limit_ms; /* STOP_TASK: its time limit, which is over; 0: the task was cancelled */
};

/*
 * All workers of the program wait, and it may have no more. The call of that number ends with
 * LODE_ELIMIT, if it still waits.
 */
struct lode_task_give_up {
    uint64_t call;    /* as its BLOCKED said */
    uint32_t workers; /* of the program */
    uint32_t pad;
};

/* End notices: what these submissions held may be dropped. Of those that are not UNTOLD. */
struct lode_task_ended {
    uint32_t count;
    uint32_t pad;
};

enum {
    LODE_OUTPUT_FAILURE = 1, /* the text of an unattended task's failure */
    LODE_OUTPUT_DROPPED =
        2 /* no line: `dropped` and `lost` count, and the text is the log's path */
};

/*
 * The text is lines, each with its line feed; that of a failure is one without. No line is longer
 * than LODE_OUTPUT_LINE_MAX.
 */
enum { LODE_OUTPUT_LINE_MAX = 16 << 10 };

struct lode_task_output {
    int64_t pid;
    uint32_t flags;
    uint32_t name_size;
    uint32_t text_size;
    uint32_t dropped; /* lines that had to be left out before this text */
    uint32_t lost;    /* of these, those that the log lacks */
    uint32_t pad;
};

/* What the worker has read of its own pipe at the end of a task. The task's DONE comes later. */
struct lode_task_printed {
    uint64_t task; /* or LODE_PRINTING_LIBRARY (api/layout/worker_page.h) */
    uint32_t size;
    uint32_t pad;
};

/*
 * STATS_ARE is followed by one JSON object, for `lode status`. Every key may be missing; lists may
 * be cut (the newest failures, the largest demands, are kept). CPUs in 1 / LODE_CPU_UNIT. Texts of
 * others, whatever bytes they hold, are as api/base/printable.h shows them.
 *
 *   {"demands":  [{"function", "cpus", "waiting", "ready", "running"}]
 *    "workers":  [{"worker", "pid", "state", "tasks", "finished", "busy_ns",
 *                  "function", "task", "id", "program", "depth", "parent"}]
 *    "workers_left_out": how many the list lacks
 *    "failures": [{"function", "code", "message", "pid", "signal", "age_ns", "program", "depth"}]
 *    "libraries": [{"name", "path", "source", "program", "functions"}]}
 *
 * A worker's state is "starting", "idle", "busy", "blocked", "loading" (the file "library"),
 * "ending" or "dead". Its "function" and what follows that are of the task that it runs, since
 * "busy_ns". "program" is the pid of the program at the root of the calls. "depth" says how many
 * tasks lie between the two: at 0 the program has submitted the task itself. "parent" is the task
 * that has submitted it, and is missing at depth 0. "task" and "parent" are texts. "id" is that of
 * the task's first result. A failure's code is as "LODE_ECRASHED", and its pid that of the worker;
 * 0: it never ran.
 */
enum { /* in `err` of the question */
       /* The answer follows every line of output that was in a worker's pipe when it was asked. */
       LODE_STATS_AFTER_OUTPUT = 1,
       LODE_STATS_ALL_WORKERS = 2 /* else the first 64 */
};

struct lode_task_stats {
    uint32_t tag;
    uint32_t err;
    lode_scheduler_stats stats;
};

/*
 * The tasks that have not ended, some at a time: `at` says where the question begins, from 0 on,
 * and in the answer where the next one begins; 0: these were the last. Tasks that come or go
 * meanwhile may be missing. LISTED is followed by one JSON object, with texts as in STATS_ARE:
 *
 *   {"tasks": [{"task", "id", "state", "age_ns", "function", "name", "program", "depth", "parent",
 *               "cpus", "attempts", "worker", "pid", "busy_ns"}]}
 *
 * A task's state is "waiting" (for arguments), "ready", "queued" (at a worker), "running",
 * "blocked" (it runs, and waits in a call), "settling" (its worker died) or "ending". "name" is
 * there if it differs from the function's; the worker, its pid and "busy_ns" if it has one.
 */
struct lode_task_list {
    uint32_t tag;
    uint32_t err;
    uint64_t at;
};

enum {
    LODE_BLOCKED_FOR_ROOM = 1 /* in the store; else what others do may be awaited */
};

struct lode_task_worker {
    uint64_t task;  /* BLOCKED, UNBLOCKED: which one; READY: 0 */
    uint64_t call;  /* BLOCKED, UNBLOCKED: its number among those of this worker; READY: 0 */
    uint32_t flags; /* BLOCKED: LODE_BLOCKED_… */
    uint32_t pad;
};

struct lode_task_function {
    uint32_t function;
    uint32_t results;
};

struct lode_task_run {
    uint64_t task;        /* the scheduler's number; the same for each attempt */
    uint64_t program;     /* whose it is, for comparing: the number of its root session */
    int64_t program_pid;  /* the process of that session; 0: it has ended, or is not known */
    uint64_t program_key; /* by which a process that the task starts shows whose it is */
    lode_id results;
    uint32_t function;
    uint32_t result_count;
    uint32_t cpus;
    uint32_t attempt; /* from 1 */
    uint32_t arg_count;
    uint32_t pad;
};

enum lode_done {
    LODE_DONE_OK = 1,      /* its results are committed */
    LODE_DONE_FAILED = 2,  /* error objects are committed as its results */
    LODE_DONE_MISSING = 3, /* not run: an argument is not there; charged with nothing */
    LODE_DONE_UNSTORED = 4 /* FAILED, but the store has no room for the error objects: the scheduler
                              puts them as they are, for which the store keeps some room */
};

struct lode_task_done {
    uint64_t task;
    uint64_t run_ns;
    uint32_t status; /* enum lode_done */
    uint32_t err;
};

enum {
    LODE_RECALLED_CANNOT = 1 /* the worker cannot serve another program: it is to be replaced */
};

struct lode_task_recall {
    uint32_t count;
    uint32_t flags; /* of RECALLED: LODE_RECALLED_… */
};

#endif
