/*
 * job.h: the main job. X is put into the store once. In each round, fresh y_i are put, and x @ y_i
 * are called as tasks. Every result is compared with the product that this process computes itself.
 */
#ifndef TESTS_BENCH_DEMO_JOB_H
#define TESTS_BENCH_DEMO_JOB_H

#include <lode/lode.h>
#include <stdint.h>

enum { JOB_TASKS = 8, JOB_COLUMNS = 128 };

struct job {
    lode *db;
    int64_t n;
    lode_id x;
    lode_view x_view; /* pinned, and read by this process too */
    uint64_t seed;
    double *expected; /* n x JOB_COLUMNS: one product of ours at a time */
};

struct job_round {
    double tasks_s;      /* from the first call to the last result */
    double in_process_s; /* the same products here, with as many threads */
    double worst;        /* largest difference of an element, relative to n */
};

/* Bytes of shared memory that the job takes at its peak, and of this process's own memory. */
uint64_t job_shared_bytes(int64_t n);
uint64_t job_own_bytes(int64_t n);

/* Ownership: ended by job_close(), also when it fails. Errors: those of liblode; LODE_ENOMEM. */
LODE_MUST_CHECK lode_err job_open(lode *db, int64_t n, struct job *job_out);
void job_close(struct job *job);

/*
 * One round; `held` is called while all results of the round are pinned. Errors: those of liblode;
 * LODE_ECORRUPT a result is wrong.
 */
LODE_MUST_CHECK lode_err job_run(struct job *job, void (*held)(void *arg), void *arg,
                                 struct job_round *round_out);

/* Seconds of CLOCK_MONOTONIC. */
double job_now_s(void);

#endif
