/*
 * lode-blas through a whole cluster: every function, in f32 and f64, on C order, transposed views,
 * empty arrays and scalars; what does not fit is an error that says what came.
 */
#include "tests/support/cluster.h"
#include "tests/support/story.h"

#include <stdio.h>
#include <string.h>

static double numbers[64];

static lode_id
put(lode *db, lode_dtype dtype, int32_t ndim, int64_t rows, int64_t cols)
{
    lode_array array = {.dtype = dtype, .ndim = ndim, .shape = {rows, cols}};
    float narrow[64];
    lode_id id;
    for (int i = 0; i < 64; i++) {
        narrow[i] = (float)numbers[i];
    }
    must(lode_put_array(db, &array, dtype == LODE_F32 ? (void *)narrow : numbers, LODE_FOREVER,
                        &id));
    return id;
}

/* numbers[i + 3 * j]: the transpose of what lies there. */
static lode_id
put_transposed(lode *db, int64_t rows, int64_t cols)
{
    lode_array array = {.dtype = LODE_F64, .ndim = 2, .shape = {rows, cols}, .strides = {1, rows}};
    lode_id id;
    must(lode_put_array(db, &array, numbers, LODE_FOREVER, &id));
    return id;
}

static double
at(const lode_view *view, int64_t i)
{
    return view->array.dtype == LODE_F32 ? (double)((const float *)view->data)[i]
                                         : ((const double *)view->data)[i];
}

static lode_view
result_of(lode *db, const char *function, lode_args args)
{
    lode_id result;
    lode_view view;
    must(lode_call(db, function, args, NULL, &result));
    must(lode_get(db, result, LODE_FOREVER, &view));
    lode_drop(db, result);
    return view;
}

static double
number_of(lode *db, const char *function, lode_args args)
{
    lode_view view = result_of(db, function, args);
    expect_eq(view.array.dtype, LODE_F64);
    expect_eq(view.array.ndim, 0);
    double value = at(&view, 0);
    lode_release(&view);
    return value;
}

static void
expect_refused(lode *db, const char *function, lode_args args, const char *sentence)
{
    lode_id result;
    lode_view view;
    lode_failure_info failure;
    must(lode_call(db, function, args, NULL, &result));
    fails(lode_get(db, result, LODE_FOREVER, &view), LODE_ETASK);
    must(lode_failure(db, result, &failure));
    expect_text(failure.message, sentence);
    lode_drop(db, result);
}

static void
matrices(lode *db, lode_dtype dtype)
{
    lode_id a = put(db, dtype, 2, 3, 4), b = put(db, dtype, 2, 4, 2), x = put(db, dtype, 1, 4, 0);
    lode_view view = result_of(db, "blas.matmul", LODE_ARGS(lode_ref(a), lode_ref(b)));
    expect(view.array.shape[0] == 3 && view.array.shape[1] == 2 && view.array.dtype == dtype);
    for (int i = 0; i < 6; i++) {
        double want = 0;
        for (int k = 0; k < 4; k++) {
            want += numbers[i / 2 * 4 + k] * numbers[k * 2 + i % 2];
        }
        expect(at(&view, i) == want);
    }
    lode_release(&view);
    view = result_of(db, "blas.gemv", LODE_ARGS(lode_ref(a), lode_ref(x)));
    expect(view.array.ndim == 1 && view.array.shape[0] == 3);
    expect(at(&view, 0) == numbers[0] * numbers[0] + numbers[1] * numbers[1] +
                               numbers[2] * numbers[2] + numbers[3] * numbers[3]);
    lode_release(&view);
    view = result_of(db, "blas.transpose", LODE_ARGS(lode_ref(a)));
    expect(view.array.shape[0] == 4 && at(&view, 1) == numbers[4]);
    lode_release(&view);
    lode_drop(db, a);
    lode_drop(db, b);
    lode_drop(db, x);
}

static void
elements(lode *db, lode_dtype dtype)
{
    lode_id x = put(db, dtype, 2, 3, 4), line = put(db, dtype, 1, 5, 0);
    lode_view view = result_of(db, "blas.axpy", LODE_ARGS(lode_f64(3), lode_ref(x), lode_ref(x)));
    expect(at(&view, 11) == 4 * numbers[11]);
    lode_release(&view);
    view = result_of(db, "blas.add", LODE_ARGS(lode_ref(x), lode_ref(x)));
    expect(view.array.ndim == 2 && at(&view, 7) == 2 * numbers[7]);
    lode_release(&view);
    view = result_of(db, "blas.scale", LODE_ARGS(lode_f64(-1), lode_ref(x)));
    expect(at(&view, 3) == -numbers[3]);
    lode_release(&view);
    double sum = 0, dot = 0;
    for (int i = 0; i < 12; i++) {
        sum += numbers[i];
        dot += i < 5 ? numbers[i] * numbers[i] : 0;
    }
    expect(number_of(db, "blas.sum", LODE_ARGS(lode_ref(x))) == sum);
    expect(number_of(db, "blas.dot", LODE_ARGS(lode_ref(line), lode_ref(line))) == dot);
    lode_drop(db, x);
    lode_drop(db, line);
}

static void
views_and_edges(lode *db)
{
    lode_id t = put_transposed(db, 3, 4), b = put(db, LODE_F64, 2, 4, 2);
    lode_view view = result_of(db, "blas.matmul", LODE_ARGS(lode_ref(t), lode_ref(b)));
    double want = 0;
    for (int k = 0; k < 4; k++) {
        want += numbers[2 + 3 * k] * numbers[2 * k + 1];
    }
    expect(at(&view, 5) == want);
    lode_release(&view);
    lode_id none = put(db, LODE_F64, 2, 0, 4), no_inner = put(db, LODE_F64, 2, 4, 0);
    view = result_of(db, "blas.matmul", LODE_ARGS(lode_ref(none), lode_ref(b)));
    expect(view.size == 0 && view.array.shape[0] == 0 && view.array.shape[1] == 2);
    lode_release(&view);
    view = result_of(db, "blas.matmul", LODE_ARGS(lode_ref(no_inner), lode_ref(none)));
    expect(view.array.shape[0] == 4 && at(&view, 15) == 0); /* sums of nothing */
    lode_release(&view);
    lode_id scalar = put(db, LODE_F64, 0, 0, 0);
    expect(number_of(db, "blas.sum", LODE_ARGS(lode_ref(none))) == 0);
    expect(number_of(db, "blas.sum", LODE_ARGS(lode_ref(scalar))) == numbers[0]);
    view = result_of(db, "blas.scale", LODE_ARGS(lode_ref(scalar), lode_ref(scalar)));
    expect(view.array.ndim == 0 && at(&view, 0) == numbers[0] * numbers[0]);
    lode_release(&view);
    lode_id all[] = {t, b, none, no_inner, scalar};
    for (size_t i = 0; i < sizeof all / sizeof all[0]; i++) {
        lode_drop(db, all[i]);
    }
}

static void
what_does_not_fit(lode *db)
{
    lode_id a = put(db, LODE_F64, 2, 3, 4), f = put(db, LODE_F32, 2, 4, 2);
    lode_id line = put(db, LODE_F64, 1, 4, 0), whole = put(db, LODE_I64, 2, 4, 2);
    expect_refused(db, "blas.matmul", LODE_ARGS(lode_ref(a), lode_ref(a)),
                   "arguments 1 and 2 are f64[3,4] and f64[3,4], want [m,k] and [k,n]");
    expect_refused(db, "blas.matmul", LODE_ARGS(lode_ref(a), lode_ref(f)), "one element type");
    expect_refused(db, "blas.matmul", LODE_ARGS(lode_ref(a), lode_ref(whole)),
                   "argument 2 is i64[4,2], want elements of f32 or f64");
    expect_refused(db, "blas.matmul", LODE_ARGS(lode_ref(a), lode_ref(line)), "with 2 axes");
    expect_refused(db, "blas.matmul", LODE_ARGS(lode_ref(a)), "argument 2 is missing");
    expect_refused(db, "blas.matmul", LODE_ARGS(lode_ref(a), lode_ref(a), lode_ref(a)),
                   "3 arguments came, want 2: blas.matmul(a: T[m,k], b: T[k,n]) -> T[m,n]");
    expect_refused(db, "blas.add", LODE_ARGS(lode_ref(a), lode_ref(line)), "of one shape");
    expect_refused(db, "blas.axpy", LODE_ARGS(lode_str("1"), lode_ref(a), lode_ref(a)),
                   "argument 1 is a string, want an f64");
    lode_drop(db, a);
    lode_drop(db, f);
    lode_drop(db, line);
    lode_drop(db, whole);
}

static void
story(int argc, char **argv)
{
    (void)argc, (void)argv;
    for (int i = 0; i < 64; i++) {
        numbers[i] = i * 7 % 13 - 6;
    }
    pid_t supervisor = cluster_start(1, 32 << 20);
    lode *db = cluster_open();
    matrices(db, LODE_F64);
    matrices(db, LODE_F32);
    elements(db, LODE_F64);
    elements(db, LODE_F32);
    views_and_edges(db);
    what_does_not_fit(db);
    await_stat(db, objects, 0);
    lode_close(db);
    cluster_stop(supervisor);
}

int
main(int argc, char **argv)
{
    return story_run(argc, argv, 20, story);
}
