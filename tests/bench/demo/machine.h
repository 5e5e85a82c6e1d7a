/*
 * machine.h: what this machine has room for, and what the processes of a cluster use of it. Reads
 * /proc, /sys/fs/cgroup and the shared memory's file system; keeps nothing.
 */
#ifndef TESTS_BENCH_DEMO_MACHINE_H
#define TESTS_BENCH_DEMO_MACHINE_H

#include <lode/lode.h>
#include <stdint.h>
#include <sys/types.h>

enum { MACHINE_PROCESSES_MAX = 256 };

/* The processes of a cluster, this one first. */
struct machine_processes {
    pid_t pid[MACHINE_PROCESSES_MAX];
    int count;
    int workers;
};

/* Bytes that may still be used: of memory (the cgroup's limit counts), and of the file system. */
uint64_t machine_memory_free(void);
uint64_t machine_shared_free(const char *dir);

/* The CPUs that this process may use. */
int machine_cpus(void);

/* This process, the daemons, their supervisor and its workers. Errors: as the statistics. */
LODE_MUST_CHECK lode_err machine_cluster(lode *db, struct machine_processes *processes_out);

/* Proportional set size of all of them, in bytes: shared pages count once. */
uint64_t machine_pss(const struct machine_processes *processes);

/* Waits up to timeout_ms until all but this process have ended. Returns how many have not. */
int machine_await_ends(const struct machine_processes *processes, int timeout_ms);

/* Files (and sockets) below `dir`; 0 if it is not there. Prints each. */
int machine_files(const char *dir);

#endif
