/*
 * args.h: the arguments of a call as bytes: struct lode_task_arg and its value, one after the
 * other, each filled to a multiple of 8 (api/wire/task_msg.h). Written by who submits, read by the
 * worker, to whom they are input from outside: every size is checked.
 *
 * Nothing blocks or allocates; any thread.
 */
#ifndef LODE_CLIENT_ARGS_H
#define LODE_CLIENT_ARGS_H

#include "api/wire/task_msg.h"

#include <lode/task.h>

/*
 * Checks the arguments of a call and says how many bytes lode_args_encode() will write.
 * Errors: LODE_EINVAL with the argument's position; LODE_ETOOBIG over LODE_TASK_INLINE_MAX.
 */
LODE_MUST_CHECK lode_err lode_args_measure(lode_args args, size_t *bytes_out);

/* Writes the arguments, which were measured, to `out`, aligned to 8. `ready` may be NULL; else it
 * says of each reference whether its object is known to be sealed. */
void lode_args_encode(lode_args args, bool (*ready)(void *arg, lode_id id), void *arg, void *out);

/* One argument as it came: `value` points into the bytes. */
struct lode_arg_in {
    enum lode_arg_kind kind;
    uint32_t size;
    const void *value;
};

/*
 * Reads the argument that begins *at bytes into `bytes`, and moves *at behind it.
 * Errors: LODE_EPROTO it is cut short, of an unknown kind, or its size does not fit its kind.
 */
LODE_MUST_CHECK lode_err lode_args_next(const void *bytes, size_t size, size_t *at,
                                        struct lode_arg_in *arg_out);

/* "a string", "an i64", "a reference" …: for sentences. */
const char *lode_arg_kind_name(enum lode_arg_kind kind);

static inline size_t
lode_align8(size_t size)
{
    return (size + 7) & ~(size_t)7;
}

#endif
