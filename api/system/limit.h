/*
 * limit.h: names the limits behind a thread or a process that cannot be started, and behind a
 * descriptor that cannot be had. The system says only "Resource temporarily unavailable", which
 * tells nobody what to raise.
 */
#ifndef LODE_SYSTEM_LIMIT_H
#define LODE_SYSTEM_LIMIT_H

#include <lode/error.h>

#define LODE_LIMITS_OF_THREADS                                                                     \
    "raise the limit of processes (ulimit -u), the pids limit of the control group (pids.max), "   \
    "or that of memory (ulimit -v)"

/*
 * What pthread_create(), posix_spawn() or fork() failed with.
 *
 *   code  the errno: what the first two returned
 *   what  could not be started: "a thread that …", "'/usr/bin/lode'"
 *
 * Returns LODE_ELIMIT, with a sentence that names the limits, where one of them is the cause; else
 * as lode_fail_errno() (fail.h).
 */
lode_err lode_fail_start(int code, const char *what);

/*
 * LODE_ELIMIT: the process has no descriptor left. The sentence names its limit, and how many lode
 * needs.
 *
 *   what  cannot be done for want of it: "cannot dial …"
 */
lode_err lode_fail_no_descriptor(const char *what);

#endif
