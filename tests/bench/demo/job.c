#include "tests/bench/demo/job.h"

#include <cblas.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

/* Rounding differs with the order of the sums; a wrong element differs by far more. */
#define WORST_DIFFERENCE 1e-12

double
job_now_s(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec + (double)t.tv_nsec * 1e-9;
}

static uint64_t
column_bytes(int64_t n)
{
    return (uint64_t)n * JOB_COLUMNS * sizeof(double);
}

uint64_t
job_shared_bytes(int64_t n)
{
    return (uint64_t)n * (uint64_t)n * sizeof(double) + 2 * JOB_TASKS * column_bytes(n);
}

uint64_t
job_own_bytes(int64_t n)
{
    return column_bytes(n);
}

/* xorshift64*: as random as the job needs, and faster than memory. Values in [-1, 1). */
static void
fill_random(double *data, int64_t count, uint64_t *seed)
{
    uint64_t s = *seed;
    for (int64_t i = 0; i < count; i++) {
        s ^= s >> 12;
        s ^= s << 25;
        s ^= s >> 27;
        data[i] = (double)((s * UINT64_C(2685821657736338717)) >> 11) * 0x1p-52 - 1.0;
    }
    *seed = s;
}

static lode_err
put_random(struct job *job, int64_t rows, int64_t columns, lode_id *id_out)
{
    lode_draft draft;
    lode_array array = {.dtype = LODE_F64, .ndim = 2, .shape = {rows, columns}};
    LODE_TRY(lode_create_array(job->db, &array, LODE_FOREVER, &draft));
    fill_random(draft.data, rows * columns, &job->seed);
    return lode_seal(&draft, id_out);
}

lode_err
job_open(lode *db, int64_t n, struct job *job_out)
{
    struct job *job = job_out;
    *job = (struct job){.db = db, .n = n, .seed = UINT64_C(0x9e3779b97f4a7c15)};
    job->expected = malloc(column_bytes(n));
    if (job->expected == NULL) {
        return LODE_ENOMEM;
    }
    LODE_TRY(put_random(job, n, n, &job->x));
    return lode_get(db, job->x, 0, &job->x_view);
}

void
job_close(struct job *job)
{
    lode_release(&job->x_view);
    lode_drop(job->db, job->x);
    free(job->expected);
    *job = (struct job){.db = NULL};
}

struct products {
    lode_id y[JOB_TASKS], z[JOB_TASKS];
    lode_view y_view[JOB_TASKS], z_view[JOB_TASKS];
};

static lode_err
put_ys(struct job *job, struct products *p)
{
    for (int i = 0; i < JOB_TASKS; i++) {
        LODE_TRY(put_random(job, job->n, JOB_COLUMNS, &p->y[i]));
        LODE_TRY(lode_get(job->db, p->y[i], 0, &p->y_view[i]));
    }
    return LODE_OK;
}

static lode_err
run_tasks(struct job *job, struct products *p, double *seconds_out)
{
    double start = job_now_s();
    for (int i = 0; i < JOB_TASKS; i++) {
        LODE_TRY(lode_call(job->db, "blas.matmul", LODE_ARGS(lode_ref(job->x), lode_ref(p->y[i])),
                           NULL, &p->z[i]));
    }
    for (int i = 0; i < JOB_TASKS; i++) {
        LODE_TRY(lode_get(job->db, p->z[i], LODE_FOREVER, &p->z_view[i]));
    }
    *seconds_out = job_now_s() - start;
    return LODE_OK;
}

static lode_err
check_shape(const struct job *job, const lode_view *z)
{
    const lode_array *a = &z->array;
    if (z->kind != LODE_KIND_ARRAY || a->dtype != LODE_F64 || a->ndim != 2 ||
        a->shape[0] != job->n || a->shape[1] != JOB_COLUMNS || !lode_array_is_contiguous(a)) {
        fprintf(stderr, "lode-demo: a result is no f64[%lld, %d]\n", (long long)job->n,
                JOB_COLUMNS);
        return LODE_ECORRUPT;
    }
    return LODE_OK;
}

/* A NaN compares as a difference, not as none. */
static double
largest_difference(const double *a, const double *b, int64_t count)
{
    double worst = 0;
    for (int64_t i = 0; i < count; i++) {
        double difference = fabs(a[i] - b[i]);
        if (!(difference <= worst)) {
            worst = isnan(difference) ? INFINITY : difference;
        }
    }
    return worst;
}

static lode_err
compare(struct job *job, struct products *p, struct job_round *round)
{
    for (int i = 0; i < JOB_TASKS; i++) {
        LODE_TRY(check_shape(job, &p->z_view[i]));
        double start = job_now_s();
        cblas_dgemm(CblasRowMajor, CblasNoTrans, CblasNoTrans, (int)job->n, JOB_COLUMNS,
                    (int)job->n, 1.0, job->x_view.data, (int)job->n, p->y_view[i].data, JOB_COLUMNS,
                    0.0, job->expected, JOB_COLUMNS);
        round->in_process_s += job_now_s() - start;
        double worst = largest_difference(p->z_view[i].data, job->expected, job->n * JOB_COLUMNS) /
                       (double)job->n;
        round->worst = worst > round->worst ? worst : round->worst;
    }
    if (round->worst > WORST_DIFFERENCE) {
        fprintf(stderr, "lode-demo: a result is wrong: it differs by %g times n\n", round->worst);
        return LODE_ECORRUPT;
    }
    return LODE_OK;
}

lode_err
job_run(struct job *job, void (*held)(void *arg), void *arg, struct job_round *round_out)
{
    struct products p;
    struct job_round round = {0, 0, 0};
    memset(&p, 0, sizeof p);
    lode_err err = put_ys(job, &p);
    if (err == LODE_OK) {
        err = run_tasks(job, &p, &round.tasks_s);
    }
    if (err == LODE_OK) {
        held(arg);
        err = compare(job, &p, &round);
    }
    for (int i = 0; i < JOB_TASKS; i++) {
        lode_release(&p.y_view[i]);
        lode_release(&p.z_view[i]);
        lode_drop(job->db, p.y[i]);
        lode_drop(job->db, p.z[i]);
    }
    *round_out = round;
    return err;
}
