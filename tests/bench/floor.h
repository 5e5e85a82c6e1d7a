/*
 * floor.h: what the machine can do at best at this moment: the same bytes or the same wake-ups with
 * nothing of lode in between. A case is judged beside its floor from the same run.
 */
#ifndef LODE_TESTS_BENCH_FLOOR_H
#define LODE_TESTS_BENCH_FLOOR_H

#include <stddef.h>

struct floor_latency {
    double median_us, p99_us;
};

/* Pins this process and those that it starts to one CPU (cpus 1), or lets them use two. */
void floor_pin(int cpus);

/* memcpy of `size_bytes` between warm buffers, in GB/s (10⁹ bytes): the median of `rounds`. */
double floor_memcpy_gb_s(size_t size_bytes, int rounds);

/*
 * One way there and back through a third process, each step a FUTEX_WAKE: a → s → b → s → a, at
 * the affinity of this process.
 */
struct floor_latency floor_futex_chain(int rounds);

/*
 * `writers` processes copy `size_bytes` into shared memory, over and over, each into the next of
 * 1,000 places of its own, and write a record of 64 bytes about it into a ring of their own. One
 * process more reads the records of all rings. Millions of copies a second, of all together.
 */
double floor_rings_m_s(int writers, size_t size_bytes, int ms);

/* A random read from an array of so many lines of 64 bytes, in us: a cache miss, if it is large. */
double floor_miss_us(size_t lines);

/*
 * A task without scheduler or store:
 *
 *   client → (nng) dispatcher → (nng) worker's callback → futex → worker's main thread
 *          → eventfd → third process → futex → client
 *
 * The client has rung for the third process before it slept. The worker tells the dispatcher that
 * it is done. These are the processes, wake-ups and system calls of a task, over the same kind of
 * stream (nng's ipc byte streams), at the affinity of this process.
 *
 * It is begun before this process opens a session: processes that use nng are forked here. After
 * that rounds can be run in turn with tasks, at most `rounds_max` at a time; us_out takes what each
 * of them took. A tenth as many are run before, to warm up.
 */
struct skeleton;

struct skeleton *floor_skeleton_begin(int rounds_max);
void floor_skeleton_run(struct skeleton *skeleton, int rounds, double *us_out);
void floor_skeleton_end(struct skeleton *skeleton);

/*
 * `count` tasks at once without scheduler or store, in tasks a second:
 *
 *   client → (socket) dispatcher → (socket) worker → ring in shared memory → store → table
 *                                   '→ (socket) a process that hears of the ends
 *
 * The bytes of a task are as many as lode's, and 512 tasks are written at once.
 */
double floor_tasks_many(int count);

#endif
