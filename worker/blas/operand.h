/*
 * operand.h: the operands of lode-blas: arrays of f32 or f64 as BLAS wants to see them. An array
 * that BLAS can read in place is read in place: C order, a transposed view, rows with gaps. Any
 * other is gathered into a copy first.
 *
 * Ownership  an operand holds its copy, if it made one: end it with the matching _fini; a zeroed
 *            operand may be ended, too
 * Threads    any; nothing is shared
 * Errors     LODE_ELIMIT an axis is longer than BLAS can count; LODE_ENOMEM no room for the copy;
 *            LODE_EINVAL the copy's size does not fit. The caller makes the sentence
 */
#ifndef WORKER_BLAS_OPERAND_H
#define WORKER_BLAS_OPERAND_H

#include <lode/array.h>

/* A matrix for CBLAS: element (i, j) is data[i * ld + j], or data[j * ld + i] if transposed. */
struct matrix {
    const void *data;
    int rows, cols, ld;
    bool transposed;
    void *copy; /* ours; NULL: read in place */
};

/* The elements of an array of any shape, in C order without gaps. */
struct elements {
    const void *data;
    size_t count;
    void *copy; /* ours; NULL: read in place */
};

/* A vector for CBLAS: element i is data[i * step]. */
struct vector {
    const void *data;
    int count, step;
    void *copy; /* ours; NULL: read in place */
};

/* True for the element types that this library computes with. */
bool dtype_is_real(lode_dtype dtype);

/* The array has 2 axes (vector: 1 axis), real elements and filled strides. */
LODE_MUST_CHECK lode_err matrix_init(struct matrix *matrix, const lode_array *array,
                                     const void *data);
void matrix_fini(struct matrix *matrix);

LODE_MUST_CHECK lode_err vector_init(struct vector *vector, const lode_array *array,
                                     const void *data);
void vector_fini(struct vector *vector);

LODE_MUST_CHECK lode_err elements_init(struct elements *elements, const lode_array *array,
                                       const void *data);
void elements_fini(struct elements *elements);

#endif
