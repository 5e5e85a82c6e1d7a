/*
 * surroundings.h: what a process has that a task may change: the directory, umask, environment,
 * time zone, locale, what signals do and which are blocked, timers, rounding, locked memory, the
 * buffers of stdout and stderr. Tasks of one program may leave each other what they like. Before
 * the first task of another program all of it is as it was when the worker came up, but for the
 * directory, which is that program's. A library that was built with -ffast-math changes the
 * arithmetic of its thread when it is opened: other programs would get other results.
 *
 * All of it is looked at between programs only: some 70 system calls, 30 µs. Main thread.
 */
#ifndef WORKER_PROCESS_SURROUNDINGS_H
#define WORKER_PROCESS_SURROUNDINGS_H

#include <lode/error.h>

#include <stdint.h>

/* Remembers how all of it is now, before any code of users has run. Once. Errors: LODE_ENOMEM. */
LODE_MUST_CHECK lode_err surroundings_remember(void);

/*
 * Puts everything back, and goes to the directory of that process. If it has none that can be
 * reached (it has ended; 0: it is not known), to the one where the worker came up. Nothing happens
 * before surroundings_remember().
 */
void surroundings_enter(int64_t pid);

#endif
