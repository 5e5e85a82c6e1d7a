/*
 * origin.h: $LODE_WORKER, by which a process that a task starts tells the scheduler whose it is:
 * "WORKER:TASK:DIR", the task as 16 hexadecimal digits. These are written in place when a task
 * begins. So a copy of the environment must keep the pointer, and not the text.
 */
#ifndef LODE_WORKER_ORIGIN_H
#define LODE_WORKER_ORIGIN_H

#include <lode/error.h>

#include <stdint.h>

/* Puts it into the environment: this is that worker of the cluster at `dir`. Once. */
LODE_MUST_CHECK lode_err origin_export(uint32_t worker, const char *dir);

/* The task that begins now. Nothing happens before origin_export(). */
void origin_set(uint64_t task);

#endif
