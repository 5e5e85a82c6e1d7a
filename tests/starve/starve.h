/*
 * starve.h: makes one call for memory, a file, a socket or a thread fail, in a process into which
 * libstarve.so is preloaded.
 *
 * Calls are counted that come from liblode alone (in a daemon: from its program), so that what fails
 * is ours to handle: nng and glibc have failures of their own making.
 *
 * A daemon is armed by its environment: STARVE="PROGRAM KIND N [MANY]", for example
 * "lode-store malloc 3". The first two words are the program's name and a kind below.
 */
#ifndef TESTS_STARVE_STARVE_H
#define TESTS_STARVE_STARVE_H

#include <stdbool.h>

/* The kinds, from 0; NULL behind the last. */
extern const char *const starve_kinds[];

/* From now on the n-th call (from 1) of that kind fails, with `many` every later one too. */
void starve_arm(int kind, long n, bool many);

/* No call fails any more. True: one has failed. */
bool starve_disarm(void);

/* Blocks of memory that are allocated and not freed, whoever made them. */
long starve_blocks(void);

#endif
