/*
 * arg_reader.h: the arguments of a call, read from bytes: struct lode_task_arg and its value, one
 * after the other, each filled to a multiple of 8 (api/wire/task_msg.h).
 *
 * The scheduler reads what a program sent, the worker what the scheduler passed on. To both it is
 * input from outside, so this is the one place where its sizes, kinds and ids are checked.
 *
 * Nothing blocks or allocates; any thread.
 */
#ifndef LODE_LAYOUT_ARG_READER_H
#define LODE_LAYOUT_ARG_READER_H

#include "api/wire/task_msg.h"

#include <lode/task.h>

/* One argument as it came: `value` points into the bytes. */
struct lode_arg_in {
    enum lode_arg_kind kind;
    uint32_t size;
    const void *value;
};

/*
 * Reads the argument that begins *at bytes into `bytes`, and moves *at behind it.
 * Errors: LODE_EPROTO it is cut short, of an unknown kind, its size does not fit its kind, or it is
 * a reference to the zero id.
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
