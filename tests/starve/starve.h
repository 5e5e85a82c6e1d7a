/*
 * starve.h: makes one call for memory, a file, a socket or a thread fail, or drops the descriptors
 * of a packet that comes, in a process that has libstarve.so: linked into a test, preloaded into a
 * daemon.
 *
 * Only calls that come from liblode (in a daemon: from its program) are counted, and fail: what
 * fails is then ours to handle: nng and glibc have failures of their own making. The exception is a
 * thread: once one of ours has failed, and all others are to, nng's fail too.
 *
 * A daemon is armed by its environment: STARVE="PROGRAM KIND N [COUNT]", for example
 * "lode-store malloc 3 1". The first two words are the program's name and a kind below, the numbers
 * as in starve_arm(). If STARVE_WHILE names a file, calls count, and fail, while that is there.
 * Once a call of its has failed, it makes the file that STARVE_MARK names.
 */
#ifndef TESTS_STARVE_STARVE_H
#define TESTS_STARVE_STARVE_H

#include <stdbool.h>

/* The kinds, from 0; NULL behind the last. */
extern const char *const starve_kinds[];

/*
 * True for the kinds that every program of ours asks for: memory and files. A test in which none of
 * these has failed has refused nothing, and proves nothing.
 */
bool starve_kind_is_sure(const char *kind);

/* From now on `count` calls of that kind fail, from the n-th on, which counts from 1. */
#define STARVE_ALL 1000000000
void starve_arm(int kind, long n, long count);

/* No call fails any more. True: one has failed. */
bool starve_disarm(void);

/* Blocks of memory that are in use: those that liblode has asked for; or all, whoever did. */
long starve_blocks(bool ours);

/*
 * Says on stderr which code has asked for liblode's blocks that are in use and were made after
 * `after`, which starve_last_block() gave. `addr2line -e FILE OFFSET` gives the line.
 */
long starve_last_block(void);
void starve_print_blocks(long after);

#endif
