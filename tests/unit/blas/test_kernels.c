#include "worker/blas/kernels.h"

#include <criterion/criterion.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "tests/support/check.h"

enum { ROOM = 4096 };

static double f64s[3][ROOM];
static float f32s[3][ROOM];

static void
setup(void)
{
    srand(7);
    for (int a = 0; a < 3; a++) {
        for (int i = 0; i < ROOM; i++) {
            f32s[a][i] = (float)(rand() % 17 - 8); /* products are exact in both types */
            f64s[a][i] = (double)f32s[a][i];
        }
    }
}

TestSuite(kernels, .init = setup);

static lode_array
matrix_array(lode_dtype dtype, int64_t rows, int64_t cols, int64_t by_row, int64_t by_col)
{
    return (lode_array){
        .dtype = dtype, .ndim = 2, .shape = {rows, cols}, .strides = {by_row, by_col}};
}

static double
element(lode_dtype dtype, const void *data, int64_t i)
{
    return dtype == LODE_F32 ? (double)((const float *)data)[i] : ((const double *)data)[i];
}

static void
expect_product(const lode_array *a, const void *x, const lode_array *b, const void *y)
{
    static double out[ROOM];
    struct matrix left, right;
    lode_dtype dtype = a->dtype;
    must(matrix_init(&left, a, x));
    must(matrix_init(&right, b, y));
    memset(out, 0xff, sizeof out); /* NaN: nothing of it may shine through */
    multiply_matrices(dtype, &left, &right, out);
    for (int64_t i = 0; i < a->shape[0]; i++) {
        for (int64_t j = 0; j < b->shape[1]; j++) {
            double want = 0;
            for (int64_t k = 0; k < a->shape[1]; k++) {
                want += element(dtype, x, i * a->strides[0] + k * a->strides[1]) *
                        element(dtype, y, k * b->strides[0] + j * b->strides[1]);
            }
            expect(element(dtype, out, i * b->shape[1] + j) == want);
        }
    }
    matrix_fini(&left);
    matrix_fini(&right);
}

/* Every way in which a matrix of m by n may lie: C order, transposed, rows or columns with gaps,
 * every second element, one element repeated. */
enum { LAYOUTS = 6 };

static lode_array
laid_out(lode_dtype dtype, int64_t m, int64_t n, int layout)
{
    switch (layout) {
    case 0:
        return matrix_array(dtype, m, n, n, 1);
    case 1:
        return matrix_array(dtype, m, n, 1, m);
    case 2:
        return matrix_array(dtype, m, n, n + 3, 1);
    case 3:
        return matrix_array(dtype, m, n, 1, m + 2);
    case 4:
        return matrix_array(dtype, m, n, 2 * n, 2);
    default:
        return matrix_array(dtype, m, n, 0, 1);
    }
}

Test(kernels, products_are_right_in_every_layout_and_shape)
{
    static const int64_t sizes[][3] = {{3, 4, 5}, {1, 7, 1}, {6, 1, 4}, {1, 1, 1},
                                       {0, 3, 2}, {3, 0, 2}, {3, 2, 0}, {13, 11, 9}};
    for (size_t s = 0; s < sizeof sizes / sizeof sizes[0]; s++) {
        for (int i = 0; i < LAYOUTS * LAYOUTS; i++) {
            int64_t m = sizes[s][0], k = sizes[s][1], n = sizes[s][2];
            lode_array a = laid_out(LODE_F64, m, k, i / LAYOUTS);
            lode_array b = laid_out(LODE_F64, k, n, i % LAYOUTS);
            expect_product(&a, f64s[0], &b, f64s[1]);
            a.dtype = b.dtype = LODE_F32;
            expect_product(&a, f32s[0], &b, f32s[1]);
        }
    }
}

Test(kernels, what_blas_can_read_is_not_copied)
{
    struct matrix matrix;
    for (int layout = 0; layout < LAYOUTS; layout++) {
        lode_array array = laid_out(LODE_F64, 5, 6, layout);
        must(matrix_init(&matrix, &array, f64s[0]));
        expect((matrix.copy == NULL) == (layout < 4));
        matrix_fini(&matrix);
    }
}

Test(kernels, a_matrix_times_a_vector)
{
    for (int layout = 0; layout < LAYOUTS; layout++) {
        for (int64_t step = 0; step < 3; step++) {
            lode_array array = laid_out(LODE_F64, 5, 7, layout);
            lode_array line = {.dtype = LODE_F64, .ndim = 1, .shape = {7}, .strides = {step}};
            double out[5];
            struct matrix a;
            struct vector x;
            must(matrix_init(&a, &array, f64s[0]));
            must(vector_init(&x, &line, f64s[1]));
            memset(out, 0xff, sizeof out);
            multiply_vector(LODE_F64, &a, &x, out);
            for (int64_t i = 0; i < 5; i++) {
                double want = 0;
                for (int64_t k = 0; k < 7; k++) {
                    want +=
                        f64s[0][i * array.strides[0] + k * array.strides[1]] * f64s[1][k * step];
                }
                expect(out[i] == want);
            }
            matrix_fini(&a);
            vector_fini(&x);
        }
    }
}

Test(kernels, dot_and_sum_of_nothing_are_zero)
{
    struct vector none = {.data = f64s[0], .step = 1};
    struct elements nothing = {.data = f64s[0]};
    expect(dot_product(LODE_F64, &none, &none) == 0);
    expect(dot_product(LODE_F32, &none, &none) == 0);
    expect(sum_elements(LODE_F32, &nothing) == 0);
}

Test(kernels, sums_of_f32_are_accumulated_in_f64)
{
    static float ones[1 << 20];
    for (size_t i = 0; i < sizeof ones / sizeof ones[0]; i++) {
        ones[i] = 16777216.0F; /* one more is lost in f32 */
    }
    ones[5] = 1;
    struct elements all = {.data = ones, .count = 1 << 20};
    expect(sum_elements(LODE_F32, &all) == 16777216.0 * ((1 << 20) - 1) + 1);
    struct vector x = {.data = ones, .count = 16, .step = 1};
    struct vector y = {.data = ones, .count = 16, .step = 1};
    expect(dot_product(LODE_F32, &x, &y) == 15 * 16777216.0 * 16777216.0 + 1);
}

Test(kernels, elementwise_on_views_of_any_rank)
{
    lode_array array = {.dtype = LODE_F64, .ndim = 3, .shape = {2, 3, 4}, .strides = {1, 2, 10}};
    struct elements x, y;
    double out[24];
    must(elements_init(&x, &array, f64s[0]));
    expect(x.copy != NULL);
    lode_array dense = {.dtype = LODE_F64, .ndim = 3, .shape = {2, 3, 4}};
    lode_array_fill_strides(&dense);
    must(elements_init(&y, &dense, f64s[1]));
    expect(y.copy == NULL);
    scale_and_add(LODE_F64, 2.5, &x, &y, out);
    for (int i = 0; i < 24; i++) {
        double from = f64s[0][i / 12 + i / 4 % 3 * 2 + i % 4 * 10];
        expect(out[i] == 2.5 * from + f64s[1][i]);
    }
    scale_elements(LODE_F64, -1, &y, out);
    expect(out[23] == -f64s[1][23]);
    elements_fini(&x);
    elements_fini(&y);
}

Test(kernels, a_scalar_is_one_element)
{
    lode_array scalar = {.dtype = LODE_F32};
    struct elements x;
    float out = 0;
    must(elements_init(&x, &scalar, f32s[0]));
    expect_eq(x.count, 1);
    scale_elements(LODE_F32, 2, &x, &out);
    expect(out == 2 * f32s[0][0]);
    elements_fini(&x);
}

Test(kernels, a_transpose_is_one_in_every_layout)
{
    static double out[ROOM];
    for (int layout = 0; layout < LAYOUTS; layout++) {
        lode_array array = laid_out(LODE_F64, 37, 35, layout);
        struct matrix a;
        must(matrix_init(&a, &array, f64s[0]));
        transpose_matrix(LODE_F64, &a, out);
        for (int64_t i = 0; i < 37; i++) {
            for (int64_t j = 0; j < 35; j++) {
                expect(out[j * 37 + i] == f64s[0][i * array.strides[0] + j * array.strides[1]]);
            }
        }
        matrix_fini(&a);
    }
}

Test(kernels, an_axis_that_blas_cannot_count_is_refused)
{
    struct matrix matrix = {.rows = 9};
    struct vector vector;
    lode_array wide = matrix_array(LODE_F64, 1, INT64_C(1) << 31, 0, 0);
    lode_array square = matrix_array(LODE_F64, 2147483647, 2147483647, 0, 0);
    lode_array line = {.dtype = LODE_F64, .ndim = 1, .shape = {INT64_C(1) << 40}};
    fails(matrix_init(&matrix, &wide, f64s[0]), LODE_ELIMIT);
    expect_eq(matrix.rows, 9);
    fails(vector_init(&vector, &line, f64s[0]), LODE_ELIMIT);
    /* One element, repeated 2^62 times: its copy has a size that no memory has. */
    lode_err err = matrix_init(&matrix, &square, f64s[0]);
    expect(err == LODE_EINVAL || err == LODE_ENOMEM);
}
