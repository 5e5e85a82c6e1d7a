/*
 * confines.h: what a process has that a task may change, and that nobody can put back for certain.
 * Whose it is: user, groups, capabilities. Where it is: root directory, namespaces. What it may
 * use: limits, CPUs, priorities. What prctl() sets. Besides these, timers that it has made, signals
 * that wait, streams that it has closed, descriptors that it has left open, and such of ours that
 * it has closed. A worker in which a task has changed any of that serves no other program.
 *
 * It is looked at between programs only: some 60 system calls. Main thread.
 */
#ifndef WORKER_PROCESS_CONFINES_H
#define WORKER_PROCESS_CONFINES_H

#include <stdbool.h>

/* Remembers how all of it is now, before any code of users has run. Once. */
void confines_remember(void);

/* Which descriptors are open now: all of them are the worker's. Once it has come up. */
void confines_remember_descriptors(void);

/* True also before confines_remember(). */
bool confines_are_as_they_were(void);

#endif
