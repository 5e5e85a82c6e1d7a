/*
 * task.h: tasks: calls of library functions in worker processes, and how such a function is
 * written. Stable; the library table has a version of its own.
 *
 * Threads, and the errors of every call: see `lode` in cluster.h. The first call of a session that
 * needs the scheduler connects to it. A session that was opened with LODE_OPEN_STORE_ONLY gets
 * LODE_EUNSUPPORTED then. Where the system starts no more threads (ulimit -u, the pids limit), the
 * call is LODE_ELIMIT.
 */
#ifndef LODE_TASK_H
#define LODE_TASK_H

#include "object.h"

#ifdef __cplusplus
#include <initializer_list>
extern "C" {
#endif

/* ---- calling ------------------------------------------------------------------------------ */

typedef enum lode_arg_kind {
    LODE_ARG_REF = 1,
    LODE_ARG_I64 = 2,
    LODE_ARG_F64 = 3,
    LODE_ARG_STR = 4,
    LODE_ARG_BYTES = 5,
    LODE_ARG_ACTOR = 6
} lode_arg_kind;

/* One argument: a value that travels with the call, or a reference to an object. */
typedef struct lode_arg {
    lode_arg_kind kind;
    union {
        lode_id id;
        int64_t i64;
        double f64;
        struct {
            const void *data;
            size_t size;
        } bytes;
    } u;
} lode_arg;

typedef struct lode_args {
    const lode_arg *arg;
    size_t count; /* at most 1,024 */
} lode_args;

/*
 * Argument makers: no session, no check, no memory; any thread. Pointers must stay valid until the
 * call that takes the argument returns. That call says what is wrong with it.
 */
LODE_API lode_arg lode_ref(lode_id id);
LODE_API lode_arg lode_i64(int64_t value);
LODE_API lode_arg lode_f64(double value);
LODE_API lode_arg lode_str(const char *text);
LODE_API lode_arg lode_bytes(const void *data, size_t size_bytes);

typedef struct lode_call_options {
    size_t struct_size;  /* sizeof(lode_call_options) */
    double num_cpus;     /* to 1/10,000; default 1; LODE_ZERO: none */
    int32_t max_retries; /* for dead workers; default 3; LODE_ZERO: none */
    const char *name;    /* for display; default: the function's name */
    int64_t timeout_ms;  /* how long the task may take, from the call on, waiting and retries
                            included, from 1 to 4,294,967,295; LODE_FOREVER, as any negative
                            number but LODE_ZERO, and as the default: no limit */
    size_t results_room; /* ids that results_out has room for; default: see there */
} lode_call_options;

/*
 * Submits one call of "library.function". The library is the one that this program has loaded under
 * that name. A program is a session, with all tasks that it submits and that those submit. If it
 * has loaded none, the library is the one that is offered to all programs (`lode load`). The
 * results are promised at once: their ids can be awaited, passed on and dropped before the task has
 * run.
 *
 *   args         at most 1,024. They are copied before this returns
 *   options      NULL: all defaults
 *   results_out  room for as many ids as lode_result_count() says. A function without results gives
 *                one: of an empty object that says done. NULL: nobody waits, and a failure is
 *                printed once on this process's stderr. A library that is loaded again may give
 *                more results than before. options.results_room says for how many there is room;
 *                the rest of it is zeroed. Without it, that is the fewest that the function has had
 *                since this session first asked for it or called it
 *
 * Ownership  the caller has one reference to each result. What the arguments refer to is kept until
 *            the task has ended: the caller may drop it at once
 * Blocking   no. The first call of a function asks the scheduler about it, which may have to load
 *            its library: 35 s at most
 * Errors     LODE_ELIBRARY  no such library or function
 *            LODE_ELIMIT, LODE_ECRASHED  its library is still to be loaded, and no worker can be
 *                           started: see lode_load()
 *            LODE_EINVAL    an argument or an option is out of range, or never can be met; or
 *                           results_out has no room for all results
 *            LODE_EUNSUPPORTED  an option that this library does not know is set
 *            LODE_ETOOBIG   the inline arguments exceed 1 MiB: put them into the store
 *            LODE_ELIMIT    256 MiB of calls wait for the scheduler to take them; or the session
 *                           refers to as many ids as it can (see lode_keep())
 *            LODE_ETIMEDOUT the scheduler does not answer
 *            LODE_EDOWN     the scheduler has ended
 *
 * A failure of the task itself is no error of this call: lode_get() of a result returns it.
 *
 * A task that has not ended within timeout_ms fails with LODE_ETIMEDOUT, and lode_failure() names
 * the limit. If it has not begun, it fails at once. If it runs, it is told as if it was cancelled,
 * with all that it has submitted: lode_task_cancelled() is true, and calls of liblode that sleep in
 * it end with LODE_ETIMEDOUT within a second. If it runs on, its worker gets SIGTERM after 2 s, and
 * SIGKILL after 2 s more. It is not tried again. Results that it has given before it ends count.
 */
LODE_API LODE_MUST_CHECK lode_err lode_call(lode *db, const char *function, lode_args args,
                                            const lode_call_options *options, lode_id *results_out);

/* How many ids lode_call() writes for this function, at least 1. Blocking and errors: the same. */
LODE_API LODE_MUST_CHECK lode_err lode_result_count(lode *db, const char *function,
                                                    size_t *count_out);

/*
 * Loads the task library at `path` for this program, in the version that the file has now. A
 * program is a session, with all tasks that it submits and that those submit: its names mean
 * nothing to others, and theirs nothing to it. In a task it is the program of the task. `lode load`
 * offers a library to all programs instead.
 *
 * A library that was rebuilt is loaded again: all that is submitted after this has returned runs
 * the new version, and what was submitted before runs the old one. Libraries that it needs and
 * looks for beside itself ($ORIGIN) are taken from there, as they are when a worker first opens it.
 *
 *   path  of the file; a relative one begins at this process's directory
 *
 * Blocking  until a worker has opened the library, 30 s at most
 * Errors    LODE_ELIBRARY   it is not there, or cannot be opened, or exports no table; or it has a
 *                           name of lode's own ("blas", "lode")
 *           LODE_EEXIST     the program has loaded a library of that name from another file
 *           LODE_EVERSION   its table is of another version
 *           LODE_ELIMIT     the system has no process, thread or memory for any worker
 *           LODE_ECRASHED   no worker can be started: its program is missing, say
 *           LODE_ETIMEDOUT  no worker has opened it in time
 */
LODE_API LODE_MUST_CHECK lode_err lode_load(lode *db, const char *path);

enum {
    LODE_CANCEL_FORCE = 1,    /* end a task that does not end by itself: its worker gets SIGTERM
                                 after 2 s, and SIGKILL after 2 s more */
    LODE_CANCEL_RECURSIVE = 2 /* cancel all that it has submitted, and what it still submits, in the
                                 same way */
};

/*
 * Asks that the task that makes `result` be cancelled. Any session may ask: the submitter with any
 * result of the task, others with the first one. A task that has ended stays as it is. lode_get()
 * of a result says whether the task was cancelled: LODE_ECANCELLED. In a running task that is
 * cancelled, each call of liblode that sleeps ends with LODE_ECANCELLED within a second, and none
 * sleeps any more but lode_close(). What need not sleep goes on: drops, releases, aborts, gets of
 * what is there. A cancelled task is not tried again.
 *
 *   flags  of LODE_CANCEL_…; 0: the task is told, and it alone
 *
 * When a program ends, its tasks are cancelled in the same way, by force and with all that they
 * have submitted, unless somebody else refers to their results.
 *
 * Blocking  never: no answer is waited for
 * Errors    LODE_EGONE   the id is no result of a call
 *           LODE_EINVAL  a flag that this library does not know
 */
LODE_API LODE_MUST_CHECK lode_err lode_cancel(lode *db, lode_id result, uint32_t flags);

/* Why a task failed. Strings are cut to their room. */
typedef struct lode_failure_info {
    lode_err code;      /* what lode_get() returned: LODE_ETASK, LODE_ECRASHED … */
    lode_err task_code; /* with LODE_ETASK: what the function itself returned */
    char function[128];
    char message[512];
    int64_t pid;         /* the worker's; 0: it never ran */
    int32_t signal;      /* that ended the worker; 0: none */
    int32_t exit_status; /* of a worker that exited */
    int32_t attempt;     /* of how many the last was, from 1; 0: it never ran */
    bool may_have_run;
} lode_failure_info;

/*
 * Why the task failed that was to make the object.
 *
 * Blocking  never, if the object is there; else one message and its answer
 * Errors    LODE_EINVAL     the object is no failure; or the zero id
 *           LODE_ETIMEDOUT  it is not there yet
 *           LODE_EGONE      it was freed
 *           LODE_EABORTED   it was given up
 */
LODE_API LODE_MUST_CHECK lode_err lode_failure(lode *db, lode_id id,
                                               lode_failure_info *failure_out);

/* ---- writing a task library --------------------------------------------------------------- */

/* One running call. The function's thread may use it, and threads that the function waits for. */
typedef struct lode_task lode_task; /* valid until the function returns */

/*
 * Runs on the worker's main thread, one at a time, and may call everything in these headers. It
 * begins in the directory of the program at the root of the calls, as that was when the worker
 * began to run the program's tasks. Directory, umask, environment, locale, signals, timers, limits,
 * rounding and streams that a task changes may reach later tasks of its program, and none of
 * another. The library's static variables may be seen by any later task. What it returns besides
 * LODE_OK becomes the task's failure, with the text of lode_fail().
 */
typedef lode_err (*lode_function_fn)(lode_task *task);

typedef struct lode_function {
    const char *name;
    /*
     * For people: "(x: f64[m,k], y: f64[k,n]) -> f64[m,n]". A call with more arguments than it
     * names fails with LODE_EINVAL, and does not run. A parameter that begins with "..." or "*"
     * stands for any number, as does NULL. Sentences about missing arguments quote it.
     */
    const char *signature;
    lode_function_fn call;
    int32_t results;
} lode_function;

typedef struct lode_method {
    const char *name;
    const char *signature;
    lode_err (*call)(lode_task *task, void *state);
    int32_t results;
} lode_method;

typedef struct lode_class {
    const char *name;
    lode_err (*create)(lode_task *task, void **state_out);
    void (*destroy)(void *state);
    const lode_method *methods; /* ends with a zeroed entry */
} lode_class;

typedef struct lode_library {
    uint32_t abi_major, abi_minor;
    uint32_t library_size, function_size, class_size, method_size; /* sizeof, as compiled */
    const char *name;
    const lode_function *functions; /* ends with a zeroed entry; NULL: none */
    const lode_class *classes;      /* ends with a zeroed entry; NULL: none */
} lode_library;

enum { LODE_LIBRARY_MAJOR = 1, LODE_LIBRARY_MINOR = 0 };

#ifdef __cplusplus
#define LODE_EXTERN_C_ extern "C"
#else
#define LODE_EXTERN_C_ extern
#endif

/* Exports the table of a task library; once in a library. */
#define LODE_LIBRARY(library_name, function_table, class_table)                                    \
    LODE_EXTERN_C_ LODE_API const lode_library lode_library_v1;                                    \
    const lode_library lode_library_v1 = {                                                         \
        LODE_LIBRARY_MAJOR,    LODE_LIBRARY_MINOR, sizeof(lode_library),                           \
        sizeof(lode_function), sizeof(lode_class), sizeof(lode_method),                            \
        library_name,          function_table,     class_table}

/*
 * Arguments, by position from 0. They are there before the function is called: none of these
 * blocks.
 *
 * Errors  LODE_ETYPE  there is no such argument, or it is something else. The sentence names the
 *                     function, the position, what came and what was wanted: return the error
 */
LODE_API size_t lode_task_arg_count(const lode_task *task);
/*
 * A number that came with the call, or a reference to a scalar object of that type. lode_task_f64()
 * takes an i64 as well, if an f64 has exactly that value.
 */
LODE_API LODE_MUST_CHECK lode_err lode_task_i64(lode_task *task, size_t index, int64_t *value_out);
LODE_API LODE_MUST_CHECK lode_err lode_task_f64(lode_task *task, size_t index, double *value_out);
/* The text is the task's, valid until it returns. */
LODE_API LODE_MUST_CHECK lode_err lode_task_str(lode_task *task, size_t index,
                                                const char **text_out);
/*
 * Any object, or bytes or a text that came with the call. The view is the task's: do not keep it.
 */
LODE_API LODE_MUST_CHECK lode_err lode_task_view(lode_task *task, size_t index,
                                                 lode_view *view_out);
/* An array of that type (0: any) and number of axes (-1: any), with strides. The task's, too. */
LODE_API LODE_MUST_CHECK lode_err lode_task_array(lode_task *task, size_t index, lode_dtype dtype,
                                                  int32_t ndim, lode_view *view_out);
/* The id of an argument that is a reference. */
LODE_API LODE_MUST_CHECK lode_err lode_task_ref(lode_task *task, size_t index, lode_id *id_out);

/*
 * Results, by position from 0. All of them are sealed together when the function returns LODE_OK.
 * A function that returns LODE_OK and has not given every result has failed: LODE_EINVAL.
 *
 * Blocking  up to 30 s for room, from some ten KiB on; the CPU is lent to other tasks meanwhile
 * Errors    LODE_EINVAL   there is no such result, or its array is invalid
 *           LODE_EEXIST   it was given before
 *           LODE_EFULL    no room came in time
 *           LODE_ETOOBIG  larger than the store
 */
/* An array that lies in the store from the first: `data_out` is writable until the task returns. */
LODE_API LODE_MUST_CHECK lode_err lode_task_result(lode_task *task, size_t index,
                                                   const lode_array *array, void **data_out);
/* A scalar object. */
LODE_API LODE_MUST_CHECK lode_err lode_task_return_i64(lode_task *task, size_t index,
                                                       int64_t value);
LODE_API LODE_MUST_CHECK lode_err lode_task_return_f64(lode_task *task, size_t index, double value);
/* A blob: the bytes are copied. */
LODE_API LODE_MUST_CHECK lode_err lode_task_return_bytes(lode_task *task, size_t index,
                                                         const void *data, size_t size_bytes);

/*
 * Says why the task fails, and returns `err`, for use as `return lode_fail(task, …)`. The text is
 * cut at 511 bytes. lode_failure() gives it to those who want the results. Where a task of its own
 * has failed, a task passes lode_last_error() on as it is. Then the first reason stays whole at any
 * depth, and the calls are counted: "task a failed through 70 calls, the last of them z: …".
 */
LODE_API lode_err lode_fail(lode_task *task, lode_err err, const char *format, ...)
    LODE_PRINTF(3, 4);

/*
 * The worker's own session: a task can put, get and call. References, views, drafts and wait sets
 * that the task has not ended when it returns are ended for it. The task must not close it.
 */
LODE_API lode *lode_task_session(lode_task *task);

/*
 * True once the task was cancelled, its time limit is over, or its submitter's session has ended. A
 * long task looks now and then, and returns LODE_ECANCELLED. Any thread; never blocks.
 */
LODE_API bool lode_task_cancelled(const lode_task *task);

/* How many threads the function should use: the CPUs of the call, rounded down, and at least 1. */
LODE_API int32_t lode_task_threads(const lode_task *task);

/* Which attempt this is, from 1; more than 1 after a worker died. */
LODE_API int32_t lode_task_attempt(const lode_task *task);

/* "library.function". Valid until the function returns. */
LODE_API const char *lode_task_function(const lode_task *task);

#ifdef __cplusplus
}
/* The list lives until the end of the full expression, as the C compound literal does. */
static inline lode_args
lode_args_of_(std::initializer_list<lode_arg> list)
{
    lode_args args = {list.begin(), list.size()};
    return args;
}
#define LODE_ARGS(...) lode_args_of_({__VA_ARGS__})
#define LODE_NO_ARGS   (lode_args{nullptr, 0})
#else
#define LODE_ARGS(...)                                                                             \
    ((lode_args){(const lode_arg[]){__VA_ARGS__},                                                  \
                 sizeof((const lode_arg[]){__VA_ARGS__}) / sizeof(lode_arg)})
#define LODE_NO_ARGS ((lode_args){NULL, 0})
#endif

#endif
