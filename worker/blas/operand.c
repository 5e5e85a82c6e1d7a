#include "worker/blas/operand.h"

#include <limits.h>
#include <stdlib.h>
#include <string.h>

bool
dtype_is_real(lode_dtype dtype)
{
    return dtype == LODE_F32 || dtype == LODE_F64;
}

/* One run along the last axis: `count` elements, `stride` apart, to consecutive places. */
static void
gather_run(const char *from, int64_t stride, int64_t count, size_t element, char *to)
{
    if (stride == 1) {
        memcpy(to, from, (size_t)count * element);
    } else if (element == sizeof(float)) {
        for (int64_t i = 0; i < count; i++) {
            ((float *)to)[i] = ((const float *)from)[i * stride];
        }
    } else {
        for (int64_t i = 0; i < count; i++) {
            ((double *)to)[i] = ((const double *)from)[i * stride];
        }
    }
}

/* Steps all axes but the last, the rightmost fastest; false after the last position. */
static bool
next_run(const lode_array *array, int64_t *at, int64_t *offset)
{
    for (int32_t axis = array->ndim - 2; axis >= 0; axis--) {
        at[axis]++;
        *offset += array->strides[axis];
        if (at[axis] < array->shape[axis]) {
            return true;
        }
        *offset -= array->strides[axis] * array->shape[axis];
        at[axis] = 0;
    }
    return false;
}

/* The array has an element at least, and 1 axis at least. */
static void
gather(const lode_array *array, const void *data, size_t element, void *out)
{
    int64_t at[LODE_MAX_NDIM] = {0};
    int64_t offset = 0;
    int64_t run = array->shape[array->ndim - 1];
    int64_t stride = array->strides[array->ndim - 1];
    char *to = out;
    do {
        gather_run((const char *)data + offset * (int64_t)element, stride, run, element, to);
        to += (size_t)run * element;
    } while (next_run(array, at, &offset));
}

/* A copy in C order; the size is that of the gathered elements, not of the view. */
static lode_err
gathered(const lode_array *array, const void *data, void **copy_out)
{
    lode_array dense = *array;
    size_t size;
    memset(dense.strides, 0, sizeof dense.strides);
    LODE_TRY(lode_array_size(&dense, &size));
    void *copy = malloc(size > 0 ? size : 1);
    if (copy == NULL) {
        return LODE_ENOMEM;
    }
    if (size > 0) {
        gather(array, data, lode_dtype_size(array->dtype), copy);
    }
    *copy_out = copy;
    return LODE_OK;
}

static lode_err
count_for_blas(int64_t elements, int *count_out)
{
    if (elements < 0 || elements > INT_MAX) {
        return LODE_ELIMIT;
    }
    *count_out = (int)elements;
    return LODE_OK;
}

/*
 * True if lines of `length` elements lie one after the other, `step` apart: what BLAS calls a
 * leading dimension. An axis of one element has no step that matters.
 */
static bool
lines_fit(int64_t lines, int64_t step, int64_t length, int64_t inner, int *ld_out)
{
    int64_t least = length > 1 ? length : 1;
    int64_t ld = lines > 1 ? step : least;
    if ((length > 1 && inner != 1) || ld < least || ld > INT_MAX) {
        return false;
    }
    *ld_out = (int)ld;
    return true;
}

lode_err
matrix_init(struct matrix *matrix, const lode_array *array, const void *data)
{
    const int64_t *shape = array->shape, *strides = array->strides;
    struct matrix made = {.data = data};
    LODE_TRY(count_for_blas(shape[0], &made.rows));
    LODE_TRY(count_for_blas(shape[1], &made.cols));
    if (!lines_fit(shape[0], strides[0], shape[1], strides[1], &made.ld)) {
        made.transposed = lines_fit(shape[1], strides[1], shape[0], strides[0], &made.ld);
        if (!made.transposed) {
            LODE_TRY(gathered(array, data, &made.copy));
            made.data = made.copy;
            made.ld = made.cols > 1 ? made.cols : 1;
        }
    }
    *matrix = made;
    return LODE_OK;
}

void
matrix_fini(struct matrix *matrix)
{
    free(matrix->copy);
    *matrix = (struct matrix){0};
}

/* BLAS takes a step of 0 in some kernels only, so a repeated element is copied out. */
lode_err
vector_init(struct vector *vector, const lode_array *array, const void *data)
{
    struct vector made = {.data = data, .step = 1};
    int64_t step = array->strides[0];
    LODE_TRY(count_for_blas(array->shape[0], &made.count));
    if (made.count > 1 && (step < 1 || step > INT_MAX)) {
        LODE_TRY(gathered(array, data, &made.copy));
        made.data = made.copy;
    } else if (made.count > 1) {
        made.step = (int)step;
    }
    *vector = made;
    return LODE_OK;
}

void
vector_fini(struct vector *vector)
{
    free(vector->copy);
    *vector = (struct vector){0};
}

lode_err
elements_init(struct elements *elements, const lode_array *array, const void *data)
{
    struct elements made = {.data = data, .count = (size_t)lode_array_count(array)};
    if (!lode_array_is_contiguous(array)) {
        LODE_TRY(gathered(array, data, &made.copy));
        made.data = made.copy;
    }
    *elements = made;
    return LODE_OK;
}

void
elements_fini(struct elements *elements)
{
    free(elements->copy);
    *elements = (struct elements){0};
}
