/*
 * error.h: the result of every call that can fail. Stable: values are never reused.
 *
 * A call returns LODE_OK or one value of the table below, and writes its outputs only on LODE_OK.
 * The table is the one place where a value, its name, its text and what a caller should do are
 * said; lode_err_name(), lode_err_text() and lode_err_advice() read it.
 */
#ifndef LODE_ERROR_H
#define LODE_ERROR_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

#define LODE_API        __attribute__((visibility("default")))
#define LODE_MUST_CHECK __attribute__((warn_unused_result))
#define LODE_PRINTF(format_index, first_index)                                                     \
    __attribute__((format(printf, format_index, first_index)))

/* clang-format off */
/*
 *    name              value  text                                      what the caller should do
 */
#define LODE_ERR_MAP(X)                                                                                              \
    X(LODE_OK,              0, "success",                                "nothing")                                  \
    X(LODE_EINVAL,          1, "invalid argument",                       "correct the call")                         \
    X(LODE_ETYPE,           2, "wrong type or shape",                    "pass what the signature asks for")         \
    X(LODE_EAGAIN,          3, "not possible at this moment",            "try again later")                          \
    X(LODE_ETIMEDOUT,       4, "time ran out",                           "wait again, or give it up")                \
    X(LODE_EGONE,           5, "no such object, and none will come",     "make the object again")                    \
    X(LODE_EEXIST,          6, "it exists already",                      "choose another id or name, or replace it") \
    X(LODE_EABORTED,        7, "its maker gave it up before it was sealed", "make the object again")                 \
    X(LODE_EFULL,           8, "the store is full",                      "drop or release objects, or wait longer")  \
    X(LODE_ETOOBIG,         9, "larger than can ever fit",               "split it, or enlarge the store")           \
    X(LODE_ENOMEM,         10, "out of memory",                          "free memory")                              \
    X(LODE_EDOWN,          11, "the daemon is not running",              "start a cluster; open a new session")      \
    X(LODE_ESYS,           12, "a system call failed",                   "see lode_last_error()")                    \
    X(LODE_EDENIED,        13, "not permitted",                          "ask the owner of the cluster")             \
    X(LODE_EVERSION,       14, "made by another, incompatible version",  "use one version on both sides")            \
    X(LODE_ECORRUPT,       15, "the data are damaged",                   "restore them from elsewhere")              \
    X(LODE_EFORKED,        16, "the session belongs to the parent process", "call lode_open() in the child")         \
    X(LODE_ECLOSED,        17, "the session is closed",                  "open a new session")                       \
    X(LODE_ETASK,          18, "the task returned an error",             "see lode_failure()")                       \
    X(LODE_ECRASHED,       19, "the task's worker died",                 "see lode_failure()")                       \
    X(LODE_ECANCELLED,     20, "the task was cancelled",                 "nothing")                                  \
    X(LODE_ELIBRARY,       21, "no such library or function, or it cannot be loaded", "see lode_last_error()")       \
    X(LODE_EPROTO,         22, "the other side broke the protocol",      "report a bug")                             \
    X(LODE_ENOTFOUND,      23, "nothing of that name",                   "check the name")                           \
    X(LODE_ERUNNING,       24, "already running",                        "use the one that runs")                    \
    X(LODE_EUNSUPPORTED,   25, "not supported here",                     "see lode_last_error()")                    \
    X(LODE_ELIMIT,         26, "a limit was reached",                    "see lode_last_error()")
/* clang-format on */

typedef enum lode_err {
#define LODE_ERR_ENUM(name, value, text, advice) name = (value),
    LODE_ERR_MAP(LODE_ERR_ENUM)
#undef LODE_ERR_ENUM
} lode_err;

/* Returns from the calling function with the error of `call`, if it has one. */
#define LODE_TRY(call)                                                                             \
    do {                                                                                           \
        lode_err lode_try_err_ = (call);                                                           \
        if (lode_try_err_ != LODE_OK) {                                                            \
            return lode_try_err_;                                                                  \
        }                                                                                          \
    } while (0)

/*
 * The name ("LODE_EGONE"), the short text and the advice of an error. Never NULL: an unknown value
 * gives "LODE_E?" and so on. The strings are static. Any thread; never blocks.
 */
LODE_API const char *lode_err_name(lode_err err);
LODE_API const char *lode_err_text(lode_err err);
LODE_API const char *lode_err_advice(lode_err err);

/*
 * What went wrong in the last call of this thread that failed, as a sentence for people: what was
 * wrong, with what value, and what to do. Never NULL; "" before the first failure; a call that
 * succeeds leaves it alone.
 *
 * Ownership  the library's; valid until this thread's next failing call
 */
LODE_API const char *lode_last_error(void);

#ifdef __cplusplus
}
#endif
#endif
