/*
 * task.h: tasks: calls of library functions in worker processes, and how such a function is
 * written. Stable; the library table has a version of its own.
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

/* Argument makers. Pointers must stay valid until the call that takes the argument returns. */
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
} lode_call_options;

/*
 * Submits one call of "library.function". Its results are promised at once: their ids can be
 * awaited, passed on and dropped before the task has run.
 *
 *   args         copied before this returns; what they refer to is kept until the task has ended
 *   options      NULL: all defaults
 *   results_out  as many ids as the function has results (none: one, of an empty object that says
 *                done), each one reference of the caller's; NULL: nobody waits, and a failure is
 *                printed once on this process's stderr
 *
 * Blocking  no; the first call of a function asks the scheduler about it
 * Threads   any
 * Errors    LODE_ELIBRARY  no such library or function
 *           LODE_EINVAL    an argument or an option is out of range, or never can be met
 *           LODE_EUNSUPPORTED  an option that this library does not know is set
 *           LODE_ETOOBIG   the inline arguments exceed 1 MiB: put them into the store
 *           LODE_EDOWN     the scheduler is not running
 */
LODE_API LODE_MUST_CHECK lode_err lode_call(lode *db, const char *function, lode_args args,
                                            const lode_call_options *options, lode_id *results_out);

/* How many ids lode_call() writes for this function (at least 1). Errors as lode_call(). */
LODE_API LODE_MUST_CHECK lode_err lode_result_count(lode *db, const char *function,
                                                    size_t *count_out);

/*
 * Registers the task library at `path` with the cluster, in the version that the file has now. A
 * library that was rebuilt is loaded again: calls from then on use the new one.
 *
 * Blocking  until a worker has opened it (30 s at most)
 * Errors    LODE_ELIBRARY  it is not there, or cannot be opened, or exports no table
 *           LODE_EVERSION  its table is of another version; LODE_EDOWN
 */
LODE_API LODE_MUST_CHECK lode_err lode_load(lode *db, const char *path);

/* Asks that the task that makes `result` be cancelled. Errors: LODE_EDOWN; LODE_EGONE no such. */
LODE_API LODE_MUST_CHECK lode_err lode_cancel(lode *db, lode_id result);

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
    char backtrace[2048];
} lode_failure_info;

/* Errors: LODE_EINVAL the object is no failure; LODE_EGONE; LODE_ETIMEDOUT it is not there yet. */
LODE_API LODE_MUST_CHECK lode_err lode_failure(lode *db, lode_id id,
                                               lode_failure_info *failure_out);

/* ---- writing a task library --------------------------------------------------------------- */

typedef struct lode_task lode_task; /* one running call; valid until the function returns */

typedef lode_err (*lode_function_fn)(lode_task *task);

typedef struct lode_function {
    const char *name;
    const char *signature; /* for people: "(x: f64[m,k], y: f64[k,n]) -> f64[m,n]" */
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
    const lode_library lode_library_v1 = {LODE_LIBRARY_MAJOR,                                      \
                                          LODE_LIBRARY_MINOR,                                      \
                                          (uint32_t)sizeof(lode_library),                          \
                                          (uint32_t)sizeof(lode_function),                         \
                                          (uint32_t)sizeof(lode_class),                            \
                                          (uint32_t)sizeof(lode_method),                           \
                                          library_name,                                            \
                                          function_table,                                          \
                                          class_table}

/*
 * Arguments, by position from 0. Each gives LODE_ETYPE, with a sentence that names function,
 * position, what came and what was wanted, if the argument is something else; return that.
 */
LODE_API size_t lode_task_arg_count(const lode_task *task);
LODE_API LODE_MUST_CHECK lode_err lode_task_i64(lode_task *task, size_t index, int64_t *value_out);
LODE_API LODE_MUST_CHECK lode_err lode_task_f64(lode_task *task, size_t index, double *value_out);
/* The text is the task's, valid until it returns. */
LODE_API LODE_MUST_CHECK lode_err lode_task_str(lode_task *task, size_t index,
                                                const char **text_out);
/* Any object or inline bytes. The view belongs to the task: released when it returns. */
LODE_API LODE_MUST_CHECK lode_err lode_task_view(lode_task *task, size_t index,
                                                 lode_view *view_out);
/* An array of that type (0: any) and number of axes (-1: any); strides are filled. */
LODE_API LODE_MUST_CHECK lode_err lode_task_array(lode_task *task, size_t index, lode_dtype dtype,
                                                  int32_t ndim, lode_view *view_out);
/* The id of an argument that is a reference. */
LODE_API LODE_MUST_CHECK lode_err lode_task_ref(lode_task *task, size_t index, lode_id *id_out);

/*
 * A result, by position from 0: born in the store, writable until the function returns, sealed
 * with all the others when it returns LODE_OK. A result that was not given is an error.
 */
LODE_API LODE_MUST_CHECK lode_err lode_task_result(lode_task *task, size_t index,
                                                   const lode_array *array, void **data_out);
LODE_API LODE_MUST_CHECK lode_err lode_task_return_i64(lode_task *task, size_t index,
                                                       int64_t value);
LODE_API LODE_MUST_CHECK lode_err lode_task_return_f64(lode_task *task, size_t index, double value);
LODE_API LODE_MUST_CHECK lode_err lode_task_return_bytes(lode_task *task, size_t index,
                                                         const void *data, size_t size_bytes);

/* Says why the task fails, and returns `err`, for use as `return lode_fail(task, …)`. */
LODE_API lode_err lode_fail(lode_task *task, lode_err err, const char *format, ...)
    LODE_PRINTF(3, 4);

/* The worker's own session: a task can put, get and call. What it still holds is dropped for it. */
LODE_API lode *lode_task_session(lode_task *task);

/* True once the task was cancelled or its submitter's session ended: return LODE_ECANCELLED. */
LODE_API bool lode_task_cancelled(const lode_task *task);

/* The CPUs that the call was given, at least 1 for sizing thread pools. */
LODE_API int32_t lode_task_threads(const lode_task *task);

/* From 1; more than 1 after a worker died. */
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
