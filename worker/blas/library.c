/*
 * lode-blas: linear algebra over OpenBLAS, as an ordinary task library: "blas.matmul" and the rest.
 *
 * Arrays are f32 or f64, all of one call of one type. Arguments are read where they lie in the
 * store, results are written where they will lie. Sums (dot, sum) come out as f64.
 *
 * One rule: OpenBLAS takes as many threads as the call has CPUs, so that calls beside each other do
 * not fight for them. OPENBLAS_CORETYPE and the like in the environment are left alone.
 */
#include "worker/blas/kernels.h"

#include <cblas.h>
#include <lode/task.h>
#include <stdio.h>

/* "f64[3,4]", for sentences. */
struct shape_text {
    char text[224];
};

static struct shape_text
shape_text(const lode_array *array)
{
    struct shape_text out;
    size_t room = sizeof out.text;
    size_t used = (size_t)snprintf(out.text, room, "%s[", lode_dtype_name(array->dtype));
    for (int32_t i = 0; i < array->ndim; i++) {
        used += (size_t)snprintf(out.text + used, room - used, "%s%lld", i > 0 ? "," : "",
                                 (long long)array->shape[i]);
    }
    snprintf(out.text + used, room - used, "]");
    return out;
}

/* An argument of real numbers. With ndim -1: of any shape. */
static lode_err
real_argument(lode_task *task, size_t index, int32_t ndim, lode_view *view_out)
{
    lode_view view;
    LODE_TRY(lode_task_array(task, index, 0, ndim, &view));
    if (!dtype_is_real(view.array.dtype)) {
        return lode_fail(task, LODE_ETYPE, "%s: argument %zu is %s, want elements of f32 or f64",
                         lode_task_function(task), index + 1, shape_text(&view.array).text);
    }
    *view_out = view;
    return LODE_OK;
}

/* Says of two arguments that do not go together what they are. */
static lode_err
mismatch(lode_task *task, size_t index, const lode_view *a, const lode_view *b, const char *want)
{
    return lode_fail(task, LODE_ETYPE, "%s: arguments %zu and %zu are %s and %s, want %s",
                     lode_task_function(task), index + 1, index + 2, shape_text(&a->array).text,
                     shape_text(&b->array).text, want);
}

static void
take_threads(lode_task *task)
{
    int threads = lode_task_threads(task);
    if (openblas_get_num_threads() != threads) {
        openblas_set_num_threads(threads);
    }
}

static lode_err
result_of(lode_task *task, lode_dtype dtype, int32_t ndim, int64_t rows, int64_t cols, void **out)
{
    lode_array array = {.dtype = dtype, .ndim = ndim, .shape = {rows, cols}};
    return lode_task_result(task, 0, &array, out);
}

/* Says why an operand could not be made ready. */
static lode_err
operand_failed(lode_task *task, lode_err err)
{
    const char *why = err == LODE_ELIMIT   ? "an axis is longer than BLAS can count: split it"
                      : err == LODE_ENOMEM ? "no memory for a copy in C order of an argument"
                                           : "an argument is too large to be copied to C order";
    return lode_fail(task, err, "%s: %s", lode_task_function(task), why);
}

static lode_err
multiply_into_result(lode_task *task, const lode_view *a, const lode_view *b)
{
    struct matrix left = {0}, right = {0};
    void *out;
    lode_err err = matrix_init(&left, &a->array, a->data);
    if (err == LODE_OK) {
        err = matrix_init(&right, &b->array, b->data);
    }
    if (err != LODE_OK) {
        err = operand_failed(task, err);
        goto fini;
    }
    err = result_of(task, a->array.dtype, 2, left.rows, right.cols, &out);
    if (err == LODE_OK) {
        take_threads(task);
        multiply_matrices(a->array.dtype, &left, &right, out);
    }
fini:
    matrix_fini(&left);
    matrix_fini(&right);
    return err;
}

static lode_err
matmul(lode_task *task)
{
    lode_view a, b;
    LODE_TRY(real_argument(task, 0, 2, &a));
    LODE_TRY(real_argument(task, 1, 2, &b));
    if (a.array.dtype != b.array.dtype) {
        return mismatch(task, 0, &a, &b, "one element type");
    }
    if (a.array.shape[1] != b.array.shape[0]) {
        return mismatch(task, 0, &a, &b, "[m,k] and [k,n]");
    }
    return multiply_into_result(task, &a, &b);
}

static lode_err
gemv(lode_task *task)
{
    lode_view a, x;
    struct matrix matrix = {0};
    struct vector vector = {0};
    void *out;
    LODE_TRY(real_argument(task, 0, 2, &a));
    LODE_TRY(real_argument(task, 1, 1, &x));
    if (a.array.dtype != x.array.dtype || a.array.shape[1] != x.array.shape[0]) {
        return mismatch(task, 0, &a, &x, "[m,k] and [k], of one element type");
    }
    lode_err err = matrix_init(&matrix, &a.array, a.data);
    if (err == LODE_OK) {
        err = vector_init(&vector, &x.array, x.data);
    }
    if (err != LODE_OK) {
        err = operand_failed(task, err);
        goto fini;
    }
    err = result_of(task, a.array.dtype, 1, a.array.shape[0], 0, &out);
    if (err == LODE_OK) {
        take_threads(task);
        multiply_vector(a.array.dtype, &matrix, &vector, out);
    }
fini:
    matrix_fini(&matrix);
    vector_fini(&vector);
    return err;
}

static lode_err
dot(lode_task *task)
{
    lode_view x, y;
    struct vector left = {0}, right = {0};
    double sum = 0;
    LODE_TRY(real_argument(task, 0, 1, &x));
    LODE_TRY(real_argument(task, 1, 1, &y));
    if (x.array.dtype != y.array.dtype || x.array.shape[0] != y.array.shape[0]) {
        return mismatch(task, 0, &x, &y, "two of one length and element type");
    }
    lode_err err = vector_init(&left, &x.array, x.data);
    if (err == LODE_OK) {
        err = vector_init(&right, &y.array, y.data);
    }
    if (err == LODE_OK) {
        take_threads(task);
        sum = dot_product(x.array.dtype, &left, &right);
    } else {
        err = operand_failed(task, err);
    }
    vector_fini(&left);
    vector_fini(&right);
    return err == LODE_OK ? lode_task_return_f64(task, 0, sum) : err;
}

static bool
same_shape(const lode_array *a, const lode_array *b)
{
    bool same = a->dtype == b->dtype && a->ndim == b->ndim;
    for (int32_t i = 0; same && i < a->ndim; i++) {
        same = a->shape[i] == b->shape[i];
    }
    return same;
}

static lode_err
result_like(lode_task *task, const lode_array *array, void **out)
{
    lode_array dense = *array;
    for (int32_t i = 0; i < LODE_MAX_NDIM; i++) {
        dense.strides[i] = 0;
    }
    return lode_task_result(task, 0, &dense, out);
}

/* alpha * x + y, of arguments `index` and the next. */
static lode_err
add_scaled(lode_task *task, double alpha, size_t index)
{
    lode_view x, y;
    struct elements left = {0}, right = {0};
    void *out;
    LODE_TRY(real_argument(task, index, -1, &x));
    LODE_TRY(real_argument(task, index + 1, -1, &y));
    if (!same_shape(&x.array, &y.array)) {
        return mismatch(task, index, &x, &y, "two of one shape and element type");
    }
    lode_err err = elements_init(&left, &x.array, x.data);
    if (err == LODE_OK) {
        err = elements_init(&right, &y.array, y.data);
    }
    if (err != LODE_OK) {
        err = operand_failed(task, err);
        goto fini;
    }
    err = result_like(task, &x.array, &out);
    if (err == LODE_OK) {
        scale_and_add(x.array.dtype, alpha, &left, &right, out);
    }
fini:
    elements_fini(&left);
    elements_fini(&right);
    return err;
}

static lode_err
add(lode_task *task)
{
    return add_scaled(task, 1, 0);
}

static lode_err
axpy(lode_task *task)
{
    double alpha;
    LODE_TRY(lode_task_f64(task, 0, &alpha));
    return add_scaled(task, alpha, 1);
}

static lode_err
scale(lode_task *task)
{
    lode_view x;
    struct elements elements = {0};
    double alpha;
    void *out;
    LODE_TRY(lode_task_f64(task, 0, &alpha));
    LODE_TRY(real_argument(task, 1, -1, &x));
    lode_err err = elements_init(&elements, &x.array, x.data);
    if (err != LODE_OK) {
        return operand_failed(task, err);
    }
    err = result_like(task, &x.array, &out);
    if (err == LODE_OK) {
        scale_elements(x.array.dtype, alpha, &elements, out);
    }
    elements_fini(&elements);
    return err;
}

static lode_err
sum(lode_task *task)
{
    lode_view x;
    struct elements elements = {0};
    LODE_TRY(real_argument(task, 0, -1, &x));
    lode_err err = elements_init(&elements, &x.array, x.data);
    if (err != LODE_OK) {
        return operand_failed(task, err);
    }
    double total = sum_elements(x.array.dtype, &elements);
    elements_fini(&elements);
    return lode_task_return_f64(task, 0, total);
}

static lode_err
transpose(lode_task *task)
{
    lode_view a;
    struct matrix matrix = {0};
    void *out;
    LODE_TRY(real_argument(task, 0, 2, &a));
    lode_err err = matrix_init(&matrix, &a.array, a.data);
    if (err != LODE_OK) {
        return operand_failed(task, err);
    }
    err = result_of(task, a.array.dtype, 2, a.array.shape[1], a.array.shape[0], &out);
    if (err == LODE_OK) {
        transpose_matrix(a.array.dtype, &matrix, out);
    }
    matrix_fini(&matrix);
    return err;
}

/* T is f32 or f64, the same wherever it occurs in a line. */
static const lode_function functions[] = {
    {"matmul", "(a: T[m,k], b: T[k,n]) -> T[m,n]", matmul, 1},
    {"gemv", "(a: T[m,k], x: T[k]) -> T[m]", gemv, 1},
    {"axpy", "(alpha: f64, x: T[...], y: T[...]) -> T[...]", axpy, 1},
    {"add", "(x: T[...], y: T[...]) -> T[...]", add, 1},
    {"scale", "(alpha: f64, x: T[...]) -> T[...]", scale, 1},
    {"sum", "(x: T[...]) -> f64", sum, 1},
    {"dot", "(x: T[n], y: T[n]) -> f64", dot, 1},
    {"transpose", "(a: T[m,n]) -> T[n,m]", transpose, 1},
    {0},
};
LODE_LIBRARY("blas", functions, NULL);
