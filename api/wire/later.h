/*
 * later.h: a call of a function after a time, on the reaper's thread. It needs no thread of its
 * own, so that a worker near the limit of threads has it, too.
 *
 * nng_sleep_aio() is no help: the thread of nng 1.5.2 that waits for it spins through the last
 * millisecond before each end (its clock counts milliseconds, and the end must lie behind it).
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
 * Has the function called in so many nanoseconds. If a call is to come already nothing changes: it
 * comes when it is due. It sees all that was done before. Any thread.
 */
void lode_later_call(struct lode_later *later, int64_t delay_ns);

/* No call runs once this returns. Nobody may be in lode_later_call(). NULL does nothing. */
void lode_later_close(struct lode_later *later);

#endif
