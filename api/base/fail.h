/*
 * fail.h: how a function reports why it failed. `return lode_fail_with(LODE_EINVAL, "…", …)` sets
 * the sentence that lode_last_error() gives, and returns the error. The function that decides the
 * error writes the sentence, once; its callers pass the error on. Any thread; never blocks.
 */
#ifndef LODE_BASE_FAIL_H
#define LODE_BASE_FAIL_H

#include <lode/error.h>

/*
 * The sentence is cut to LODE_FAIL_MAX bytes. What is no plain text in it is shown escaped
 * (printable.h): names and messages of others are part of sentences.
 */
enum { LODE_FAIL_MAX = 1024 };

lode_err lode_fail_with(lode_err err, const char *format, ...) LODE_PRINTF(2, 3);

/*
 * Open files: what a session takes in a process, at most, besides the program's own; and what the
 * daemons need for some workers and programs.
 */
enum { LODE_OPEN_FILES_NEEDED = 16, LODE_OPEN_FILES_OF_DAEMONS = 256 };

/*
 * LODE_ESYS (or the error that fits errno better), with errno's text behind the sentence, and the
 * limit of the process (ulimit) that is the cause, where it is one.
 */
lode_err lode_fail_errno(const char *format, ...) LODE_PRINTF(1, 2);

/*
 * Both never return LODE_OK, and the compiler gets to know it here: it then sees that a caller that
 * passes the error on does not read outputs that are written on LODE_OK only.
 */
static inline lode_err
lode_fail_is_error(lode_err err)
{
    return err != LODE_OK ? err : LODE_ESYS;
}

#define lode_fail_with(...)  lode_fail_is_error(lode_fail_with(__VA_ARGS__))
#define lode_fail_errno(...) lode_fail_is_error(lode_fail_errno(__VA_ARGS__))

/* True if this version has a name for the error. What comes from outside may be another's. */
bool lode_err_is_known(lode_err err);

/* Returns with LODE_EINVAL where a pointer that a call cannot do without is NULL. */
#define LODE_NEED(call, pointer)                                                                   \
    do {                                                                                           \
        if ((pointer) == NULL) {                                                                   \
            return lode_fail_with(LODE_EINVAL, "%s: %s is NULL: it needs one", call, #pointer);    \
        }                                                                                          \
    } while (0)

#endif
