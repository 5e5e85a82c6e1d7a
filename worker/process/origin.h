/*
 * origin.h: $LODE_WORKER, by which a process that a task starts tells the scheduler whose it is:
 * "WORKER:TASK:KEY:DIR", the two in the middle as 16 hexadecimal digits. They are written in place
 * when the task begins. So a copy of the environment must keep the pointer, and not the text.
 *
 * KEY is that of the task's program. The scheduler chooses it at random, and tells it to nobody but
 * the workers that run its tasks. Without it anybody could say to be started by a stranger's task,
 * for numbers of tasks can be guessed. And numbers begin anew with each scheduler: a process that
 * has outlived its own would belong to whatever task has its task's number now.
 */
#ifndef WORKER_PROCESS_ORIGIN_H
#define WORKER_PROCESS_ORIGIN_H

#include <lode/error.h>

#include <stdint.h>

/* Puts it into the environment: this is that worker of the cluster at `dir`. Once. */
LODE_MUST_CHECK lode_err origin_export(uint32_t worker, const char *dir);

/* The program whose tasks come now; 0: none. Nothing happens before origin_export(). */
void origin_set_key(uint64_t key);

/* The task that begins now. */
void origin_set(uint64_t task);

#endif
