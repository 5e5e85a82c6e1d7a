/*
 * kernels.h: the computations of lode-blas, on operands that have been checked. Each writes the
 * whole of `out`, which is in C order, has no alias among the operands, and may be uninitialised.
 * Elements are of `dtype`, LODE_F32 or LODE_F64. None fails, blocks or keeps anything.
 *
 * How many threads OpenBLAS takes is set by the caller (openblas_set_num_threads), for the whole
 * process: one computation at a time.
 */
#ifndef WORKER_BLAS_KERNELS_H
#define WORKER_BLAS_KERNELS_H

#include "worker/blas/operand.h"

/* out = a @ b, (m, k) by (k, n). */
void multiply_matrices(lode_dtype dtype, const struct matrix *a, const struct matrix *b, void *out);

/* out = a @ x, (m, k) by (k). */
void multiply_vector(lode_dtype dtype, const struct matrix *a, const struct vector *x, void *out);

/* The sum of products, accumulated in f64. */
double dot_product(lode_dtype dtype, const struct vector *x, const struct vector *y);

/* out = alpha * x + y */
void scale_and_add(lode_dtype dtype, double alpha, const struct elements *x,
                   const struct elements *y, void *out);

/* out = alpha * x */
void scale_elements(lode_dtype dtype, double alpha, const struct elements *x, void *out);

/* The sum, accumulated in f64 pairwise: its error grows with the logarithm of the count. */
double sum_elements(lode_dtype dtype, const struct elements *x);

/* out (n, m) = the transpose of a (m, n). */
void transpose_matrix(lode_dtype dtype, const struct matrix *a, void *out);

#endif
