/*
 * start.h: the threads that links run on: nng's, which serve all links of the process, and the
 * reaper's.
 */
#ifndef LODE_WIRE_START_H
#define LODE_WIRE_START_H

#include <lode/error.h>

/*
 * Starts them, once a process; every later call returns at once. Comes before the first use of nng.
 *
 * nng 1.5.2 does not survive a thread that it cannot start, because the limit of processes is
 * reached, say: depending on the thread it aborts, crashes, or hangs. So as many threads as nng
 * will start, and those that a session needs besides, are first started here, all at once, and
 * ended again. Another program of the user may still take their place in the microseconds before
 * nng starts its own. Against that there is no help.
 *
 * Any thread. Blocks for about a millisecond, the first time.
 * Errors  LODE_ELIMIT so many threads cannot be started; LODE_ENOMEM. It may be tried again.
 */
LODE_MUST_CHECK lode_err lode_wire_start(void);

#endif
