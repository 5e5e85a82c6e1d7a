/*
 * start.h: the threads that links run on: nng's, which serve all links of the process, and the
 * reaper's.
 */
#ifndef LODE_WIRE_START_H
#define LODE_WIRE_START_H

#include <lode/error.h>

#include <stdbool.h>

/*
 * Starts them, once a process; every later call returns at once. Comes before the first use of nng.
 *
 * nng 1.5.2 does not survive a thread that it cannot start, because the limit of processes is
 * reached, say: it then takes apart what it never made. Depending on the thread it aborts, crashes,
 * or hangs. So as many threads as nng will start, those that a session needs besides, and some to
 * spare are first started here, all at once, and ended again. Processes of lode do this one after
 * the other. A program that is not of lode may still take the place of nng's threads in the
 * microseconds before nng starts them, if it takes all that was to spare. Against that there is no
 * help.
 *
 * Any thread. Blocks for about a millisecond, the first time; while another process does the same,
 * for two seconds at most.
 * Errors  LODE_ELIMIT so many threads cannot be started; LODE_ENOMEM. It may be tried again.
 */
LODE_MUST_CHECK lode_err lode_wire_start(void);

/*
 * True if nng failed for want of something that this process lacks: memory, or a descriptor. The
 * other side is not to blame then, and a later try of its own would say nothing to the user.
 */
bool lode_wire_lacks(int nng_code);

/* Fails with the sentence for an error of nng's. what: "cannot dial '…'". */
lode_err lode_wire_fail(int nng_code, const char *what);

#endif
