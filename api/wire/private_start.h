/*
 * private_start.h: how liblode starts a private cluster, and how such a cluster is found.
 *
 *   lode start --private --dir DIR --lifeline-fd F --ready-fd F [--num-cpus N] [--capacity BYTES]
 *              [--max-workers N]
 *
 * The program that is started is ../bin/lode seen from liblode.so. It forks at once, and its first
 * process exits with 0 before the cluster is up. So liblode can wait for it, and no process of the
 * cluster ever turns up in the program's own wait(). The cluster has a session of its own (setsid).
 * It keeps no descriptor of the program but those two, and stderr.
 *
 *   DIR          a fresh directory (0700) that the program made, see LODE_PRIVATE_…; the cluster
 *                removes it at its end
 *   lifeline     the end of a socket or pipe whose other end only the program holds (CLOEXEC). Its
 *                end of file ends the cluster, which then leaves no process, file or memory behind
 *   ready        a pipe. LODE_START_READY: store and scheduler serve. LODE_START_FAILED, then a
 *                sentence up to the end of file: the start failed. LODE_START_FULL: so it did, for
 *                want of room in the tmpfs. The end of file alone: the start was killed
 *
 * In DIR the cluster writes `owner`, one line "PID START": the program's process number and its
 * start time (field 22 of /proc/PID/stat). By it `lode status` finds the cluster of an ancestor.
 * Before that it writes `places`: its directories for shared memory and for state, each followed by
 * a zero byte. If all processes of the cluster are killed at once, a later `lode` finds there what
 * they left.
 */
#ifndef LODE_WIRE_PRIVATE_START_H
#define LODE_WIRE_PRIVATE_START_H

#include <stdint.h>

/* Templates for mkdtemp(): in $XDG_RUNTIME_DIR if it is set and the path fits, else in /tmp. */
#define LODE_PRIVATE_RUNTIME_TEMPLATE "%s/lode-XXXXXX"      /* XDG_RUNTIME_DIR */
#define LODE_PRIVATE_TMP_TEMPLATE     "/tmp/lode-%u-XXXXXX" /* uid */

/* What `lode start` takes. */
enum { LODE_PRIVATE_CPUS_MAX = 8192, LODE_MAX_WORKERS_MAX = 3072 };
#define LODE_PRIVATE_CAPACITY_MIN (UINT64_C(1) << 20)
#define LODE_PRIVATE_CAPACITY_MAX (UINT64_C(16) << 40)

enum { LODE_START_READY = '+', LODE_START_FAILED = '-', LODE_START_FULL = '#' };

/* The exit status of a store that does not start for want of room; the tools' own, too. */
enum { LODE_EXIT_FULL = 6 };

#endif
