#include "worker/blas/kernels.h"

#include <cblas.h>
#include <string.h>

enum {
    SUM_BLOCK = 128,    /* elements that are added one by one */
    TRANSPOSE_TILE = 32 /* a tile of both sides stays in the first cache */
};

static CBLAS_TRANSPOSE
side_of(const struct matrix *matrix)
{
    return matrix->transposed ? CblasTrans : CblasNoTrans;
}

static size_t
element_size(lode_dtype dtype)
{
    return dtype == LODE_F32 ? sizeof(float) : sizeof(double);
}

void
multiply_matrices(lode_dtype dtype, const struct matrix *a, const struct matrix *b, void *out)
{
    int m = a->rows, k = a->cols, n = b->cols;
    if (m == 0 || n == 0 || k == 0) { /* a sum of nothing is 0 */
        memset(out, 0, (size_t)m * (size_t)n * element_size(dtype));
    } else if (dtype == LODE_F32) {
        cblas_sgemm(CblasRowMajor, side_of(a), side_of(b), m, n, k, 1.0F, a->data, a->ld, b->data,
                    b->ld, 0.0F, out, n);
    } else {
        cblas_dgemm(CblasRowMajor, side_of(a), side_of(b), m, n, k, 1.0, a->data, a->ld, b->data,
                    b->ld, 0.0, out, n);
    }
}

/* What BLAS multiplies is the matrix as it lies in memory: rows and columns of a transposed view
 * change places. */
void
multiply_vector(lode_dtype dtype, const struct matrix *a, const struct vector *x, void *out)
{
    int rows = a->transposed ? a->cols : a->rows;
    int cols = a->transposed ? a->rows : a->cols;
    memset(out, 0, (size_t)a->rows * element_size(dtype));
    if (rows == 0 || cols == 0) {
        return;
    }
    if (dtype == LODE_F32) {
        cblas_sgemv(CblasRowMajor, side_of(a), rows, cols, 1.0F, a->data, a->ld, x->data, x->step,
                    0.0F, out, 1);
    } else {
        cblas_dgemv(CblasRowMajor, side_of(a), rows, cols, 1.0, a->data, a->ld, x->data, x->step,
                    0.0, out, 1);
    }
}

double
dot_product(lode_dtype dtype, const struct vector *x, const struct vector *y)
{
    if (x->count == 0) {
        return 0;
    }
    return dtype == LODE_F32 ? cblas_dsdot(x->count, x->data, x->step, y->data, y->step)
                             : cblas_ddot(x->count, x->data, x->step, y->data, y->step);
}

void
scale_and_add(lode_dtype dtype, double alpha, const struct elements *x, const struct elements *y,
              void *out)
{
    if (dtype == LODE_F32) {
        const float *restrict a = x->data, *restrict b = y->data;
        float *restrict to = out, factor = (float)alpha;
        for (size_t i = 0; i < x->count; i++) {
            to[i] = factor * a[i] + b[i];
        }
    } else {
        const double *restrict a = x->data, *restrict b = y->data;
        double *restrict to = out;
        for (size_t i = 0; i < x->count; i++) {
            to[i] = alpha * a[i] + b[i];
        }
    }
}

void
scale_elements(lode_dtype dtype, double alpha, const struct elements *x, void *out)
{
    if (dtype == LODE_F32) {
        const float *restrict a = x->data;
        float *restrict to = out, factor = (float)alpha;
        for (size_t i = 0; i < x->count; i++) {
            to[i] = factor * a[i];
        }
    } else {
        const double *restrict a = x->data;
        double *restrict to = out;
        for (size_t i = 0; i < x->count; i++) {
            to[i] = alpha * a[i];
        }
    }
}

static double
sum_f32(const float *x, size_t count)
{
    if (count > SUM_BLOCK) {
        return sum_f32(x, count / 2) + sum_f32(x + count / 2, count - count / 2);
    }
    double sum = 0;
    for (size_t i = 0; i < count; i++) {
        sum += (double)x[i];
    }
    return sum;
}

static double
sum_f64(const double *x, size_t count)
{
    if (count > SUM_BLOCK) {
        return sum_f64(x, count / 2) + sum_f64(x + count / 2, count - count / 2);
    }
    double sum = 0;
    for (size_t i = 0; i < count; i++) {
        sum += x[i];
    }
    return sum;
}

double
sum_elements(lode_dtype dtype, const struct elements *x)
{
    return dtype == LODE_F32 ? sum_f32(x->data, x->count) : sum_f64(x->data, x->count);
}

/* One tile of a matrix that lies by rows, `ld` apart, into columns that are `rows` long. */
static void
transpose_tile(lode_dtype dtype, const struct matrix *a, size_t row, size_t col, void *out)
{
    size_t rows = (size_t)a->rows, cols = (size_t)a->cols, ld = (size_t)a->ld;
    size_t row_end = row + TRANSPOSE_TILE < rows ? row + TRANSPOSE_TILE : rows;
    size_t col_end = col + TRANSPOSE_TILE < cols ? col + TRANSPOSE_TILE : cols;
    for (size_t j = col; j < col_end; j++) {
        for (size_t i = row; i < row_end; i++) {
            if (dtype == LODE_F32) {
                ((float *)out)[j * rows + i] = ((const float *)a->data)[i * ld + j];
            } else {
                ((double *)out)[j * rows + i] = ((const double *)a->data)[i * ld + j];
            }
        }
    }
}

void
transpose_matrix(lode_dtype dtype, const struct matrix *a, void *out)
{
    size_t rows = (size_t)a->rows, cols = (size_t)a->cols, element = element_size(dtype);
    if (a->transposed) { /* it lies in memory as its transpose: line by line */
        for (size_t j = 0; j < cols; j++) {
            memcpy((char *)out + j * rows * element,
                   (const char *)a->data + j * (size_t)a->ld * element, rows * element);
        }
        return;
    }
    for (size_t row = 0; row < rows; row += TRANSPOSE_TILE) {
        for (size_t col = 0; col < cols; col += TRANSPOSE_TILE) {
            transpose_tile(dtype, a, row, col, out);
        }
    }
}
