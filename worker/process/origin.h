/*
 * origin.h: $LODE_WORKER, by which a process that a task starts tells the scheduler whose it is:
 * "WORKER:TASK:SESSION:GENERATION:DIR", all but the first and the last as 16 hexadecimal digits.
 * Those of the task are written in place when it begins. So a copy of the environment must keep the
 * pointer, and not the text.
 *
 * SESSION is the worker's at the store, GENERATION the store's. Numbers of workers and of tasks
 * begin anew with each scheduler, and a process can outlive its cluster: without the two it would
 * belong to a stranger's task of the same number.
 */
#ifndef WORKER_PROCESS_ORIGIN_H
#define WORKER_PROCESS_ORIGIN_H

#include <lode/error.h>

#include <stdint.h>

/* Puts it into the environment: this is that worker of the cluster at `dir`. Once. */
LODE_MUST_CHECK lode_err origin_export(uint32_t worker, const char *dir);

/* Which session the worker has, and at which store. Before the first task. */
void origin_set_session(uint64_t session, uint64_t generation);

/* The task that begins now. Nothing happens before origin_export(). */
void origin_set(uint64_t task);

#endif
