/*
 * later.h: a call of a function after a time, on a thread of nng's. It needs no thread of its own,
 * so that a worker near the limit of threads has it, too.
 */
#ifndef LODE_WIRE_LATER_H
#define LODE_WIRE_LATER_H

#include <lode/error.h>

struct lode_later;

/* Never blocks, takes no lock that is held around lode_later_close(). */
typedef void (*lode_later_fn)(void *arg);

/* For calls of run(arg). Errors: LODE_ENOMEM; as lode_wire_start(). */
LODE_MUST_CHECK lode_err lode_later_open(lode_later_fn run, void *arg,
                                         struct lode_later **later_out);

/*
 * Has the function called in so many milliseconds, or sooner if a call is to come already. The call
 * sees all that was done before. Any thread.
 */
void lode_later_call(struct lode_later *later, int32_t ms);

/* No call runs once this returns. Nobody may be in lode_later_call(). NULL does nothing. */
void lode_later_close(struct lode_later *later);

#endif
