/*
 * functions.h: which numbers stand for which functions in this worker. The scheduler says so before
 * the first task of each; the library is opened when that task starts.
 *
 * Ownership  the table holds its texts; a function stays where it is until the process ends
 * Threads    functions_add(): nng's, one at a time; functions_find(): the main thread. The table
 *            has its own lock. `opened` and the fields behind it are the main thread's alone.
 */
#ifndef WORKER_RUNTIME_FUNCTIONS_H
#define WORKER_RUNTIME_FUNCTIONS_H

#include "api/base/lock.h"

#include <lode/task.h>

struct function {
    uint32_t number;
    uint32_t results;
    char *path;                  /* of the library's copy */
    char *symbol;                /* its name in the library's table */
    char *name;                  /* "library.function" */
    const lode_function *opened; /* in the table; NULL: not opened yet, or it failed */
    int32_t arguments;           /* of the opened one; see signature_arguments() */
    lode_err failed;             /* why it is not opened: LODE_ELIBRARY … */
    char *why;                   /* the sentence for it */
};

enum { FUNCTIONS_FOUND = 8 };

struct functions {
    struct lode_mutex mu; /* WORKER_FUNCTIONS */
    struct function **at; /* by number */
    uint32_t room;

    /* The main thread's: what it has found last. A function stays what it is, and where it is. */
    struct function *found[FUNCTIONS_FOUND]; /* by number % FUNCTIONS_FOUND */
};

void functions_init(struct functions *functions);
void functions_fini(struct functions *functions);

/*
 * Reads a FUNCTION record.
 * Errors: LODE_EPROTO it is damaged, or gives a number a second meaning; LODE_ENOMEM.
 */
LODE_MUST_CHECK lode_err functions_add(struct functions *functions, const void *bytes,
                                       uint32_t size);

/* NULL: the scheduler has not said what that number is. Main thread. */
struct function *functions_find(struct functions *functions, uint32_t number);

/* False: its library is not open, and must not be opened here for that program (library.h). */
bool function_may_open(const struct function *function, uint64_t program);

/*
 * Opens the function's library, once. Errors: what `failed` and `why` say from then on.
 * Main thread; runs the library's constructors.
 */
LODE_MUST_CHECK lode_err function_open(struct function *function);

#endif
