/* floor_private.h: what the floors share: processes, words to sleep on, sorted samples. */
#ifndef LODE_TESTS_BENCH_FLOOR_PRIVATE_H
#define LODE_TESTS_BENCH_FLOOR_PRIVATE_H

#include "tests/bench/floor.h"

#include <stdatomic.h>
#include <stdint.h>
#include <sys/types.h>

/* Sorts the samples and takes the figures from them. */
struct floor_latency floor_summarise(double *us, int count);

/* Zeroed memory that children share. Ended by munmap(). */
void *floor_shared(size_t size_bytes);

void floor_wait_change(const _Atomic uint32_t *word, uint32_t seen);
void floor_bump(_Atomic uint32_t *word);

/* Forks a child that runs `body` and dies with this process; floor_end_child() kills and reaps. */
pid_t floor_child(void (*body)(void *arg), void *arg);
void floor_end_child(pid_t pid);

#endif
