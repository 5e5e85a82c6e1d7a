/*
 * args.h: the arguments of a call, checked and written as bytes by the program that submits it.
 * api/layout/arg_reader.h reads them.
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

/*
 * Writes the arguments, which were measured, to `out`, aligned to 8. `ready` may be NULL; else it
 * says of each reference whether its object is known to be sealed.
 */
void lode_args_encode(lode_args args, bool (*ready)(void *arg, lode_id id), void *arg, void *out);

#endif
