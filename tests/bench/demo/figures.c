#include "tests/bench/demo/figures.h"

#include "tests/bench/demo/job.h"

#include <stdlib.h>
#include <string.h>

enum {
    SMALL = 1 << 10,
    LARGE = 1 << 20,
    GETS = 200000,
    PUTS = 10000,
    LARGE_PUTS = 20,
    TASKS = 2000
};

static lode_err
measure_get(lode *db, const void *bytes, double *ns_out)
{
    lode_id id;
    LODE_TRY(lode_put(db, bytes, SMALL, LODE_FOREVER, &id));
    lode_view view;
    LODE_TRY(lode_get(db, id, LODE_FOREVER, &view));
    lode_release(&view);
    double start = job_now_s();
    for (int i = 0; i < GETS; i++) {
        LODE_TRY(lode_get(db, id, LODE_FOREVER, &view));
        lode_release(&view);
    }
    *ns_out = (job_now_s() - start) / GETS * 1e9;
    lode_drop(db, id);
    return LODE_OK;
}

static lode_err
measure_put(lode *db, const void *bytes, size_t size, int count, double *seconds_out)
{
    double start = job_now_s();
    for (int i = 0; i < count; i++) {
        lode_id id;
        LODE_TRY(lode_put(db, bytes, size, LODE_FOREVER, &id));
        lode_drop(db, id);
    }
    *seconds_out = (job_now_s() - start) / count;
    return LODE_OK;
}

static lode_err
call_sum(lode *db, lode_id numbers, lode_id *sum_out)
{
    return lode_call(db, "blas.sum", LODE_ARGS(lode_ref(numbers)), NULL, sum_out);
}

static lode_err
take_sum(lode *db, lode_id sum)
{
    double value;
    lode_err err = lode_get_f64(db, sum, LODE_FOREVER, &value);
    lode_drop(db, sum);
    if (err == LODE_OK && value != 36.0) {
        return LODE_ECORRUPT;
    }
    return err;
}

static lode_err
measure_tasks(lode *db, struct figures *figures)
{
    static lode_id sums[TASKS];
    const double data[8] = {1, 2, 3, 4, 5, 6, 7, 8};
    lode_array array = {.dtype = LODE_F64, .ndim = 1, .shape = {8}};
    lode_id numbers;
    LODE_TRY(lode_put_array(db, &array, data, LODE_FOREVER, &numbers));
    double start = job_now_s();
    for (int i = 0; i < TASKS; i++) {
        LODE_TRY(call_sum(db, numbers, &sums[0]));
        LODE_TRY(take_sum(db, sums[0]));
    }
    figures->task_us = (job_now_s() - start) / TASKS * 1e6;
    start = job_now_s();
    for (int i = 0; i < TASKS; i++) {
        LODE_TRY(call_sum(db, numbers, &sums[i]));
    }
    for (int i = 0; i < TASKS; i++) {
        LODE_TRY(take_sum(db, sums[i]));
    }
    figures->tasks_per_s = TASKS / (job_now_s() - start);
    lode_drop(db, numbers);
    return LODE_OK;
}

lode_err
figures_measure(lode *db, struct figures *figures_out)
{
    struct figures figures;
    double small_s = 0;
    double large_s = 0;
    void *bytes = calloc(1, LARGE);
    if (bytes == NULL) {
        return LODE_ENOMEM;
    }
    lode_err err = measure_get(db, bytes, &figures.get_ns);
    if (err == LODE_OK) {
        err = measure_put(db, bytes, SMALL, PUTS, &small_s);
    }
    if (err == LODE_OK) {
        err = measure_put(db, bytes, LARGE, LARGE_PUTS, &large_s);
    }
    free(bytes);
    LODE_TRY(err);
    figures.put_ns = small_s * 1e9;
    figures.put_1mib_us = large_s * 1e6;
    LODE_TRY(measure_tasks(db, &figures));
    *figures_out = figures;
    return LODE_OK;
}
