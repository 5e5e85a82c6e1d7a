/*
 * array.h: what the bytes of an array object mean: element type, shape and strides. Stable.
 *
 * The element types have the numbers of DLPack (DLDataTypeCode, dmlc/dlpack 1.0), so that a
 * lode_dtype read as bytes is a DLDataType.
 */
#ifndef LODE_ARRAY_H
#define LODE_ARRAY_H

#include "error.h"

#ifdef __cplusplus
extern "C" {
#endif

enum { LODE_MAX_NDIM = 8 };

/* code | bits << 8 | lanes << 16; two types are the same exactly if the numbers are. */
typedef uint32_t lode_dtype;

#ifdef __cplusplus
#define LODE_U32_(number) (static_cast<uint32_t>(number))
#else
#define LODE_U32_(number) ((uint32_t)(number))
#endif
#define LODE_DTYPE(code, bits, lanes)                                                              \
    (LODE_U32_(code) | LODE_U32_(bits) << 8 | LODE_U32_(lanes) << 16)

#define LODE_I8      LODE_DTYPE(0, 8, 1)
#define LODE_I16     LODE_DTYPE(0, 16, 1)
#define LODE_I32     LODE_DTYPE(0, 32, 1)
#define LODE_I64     LODE_DTYPE(0, 64, 1)
#define LODE_U8      LODE_DTYPE(1, 8, 1)
#define LODE_U16     LODE_DTYPE(1, 16, 1)
#define LODE_U32     LODE_DTYPE(1, 32, 1)
#define LODE_U64     LODE_DTYPE(1, 64, 1)
#define LODE_F16     LODE_DTYPE(2, 16, 1)
#define LODE_F32     LODE_DTYPE(2, 32, 1)
#define LODE_F64     LODE_DTYPE(2, 64, 1)
#define LODE_BF16    LODE_DTYPE(4, 16, 1)
#define LODE_C64     LODE_DTYPE(5, 64, 1)
#define LODE_C128    LODE_DTYPE(5, 128, 1)
#define LODE_BOOL    LODE_DTYPE(6, 8, 1)
#define LODE_F8_E4M3 LODE_DTYPE(10, 8, 1)
#define LODE_F8_E5M2 LODE_DTYPE(12, 8, 1)

/*
 * An array: ndim 0 is a scalar. All strides zero means C order (the last axis runs fastest); a
 * view that came out of a call always has its strides filled. Strides count elements and are not
 * negative; an axis of stride 0 repeats its element.
 */
typedef struct lode_array {
    lode_dtype dtype;
    int32_t ndim;                   /* 0 .. LODE_MAX_NDIM */
    int64_t shape[LODE_MAX_NDIM];   /* elements; entries from ndim on are ignored */
    int64_t strides[LODE_MAX_NDIM]; /* elements */
} lode_array;

/*
 * Checks an array and computes the bytes that it takes, from the first element to the last.
 *
 *   size_bytes_out  bytes; 0 for an array without elements
 *
 * Errors  LODE_EINVAL  unknown dtype, ndim or a shape out of range; or all elements together, or a
 *                      stride, take 2^63 bytes or more (axes of no elements left out, as numpy
 *                      does)
 * Never blocks; any thread.
 */
LODE_API LODE_MUST_CHECK lode_err lode_array_size(const lode_array *array, size_t *size_bytes_out);

/*
 * The calls below need no session, never block, and may be made by any thread. Arrays that they are
 * given must be valid: lode_array_size() says so.
 */

/* Fills in the strides of C order, if all strides are zero. */
LODE_API void lode_array_fill_strides(lode_array *array);

/* True if the elements lie in C order without gaps. */
LODE_API bool lode_array_is_contiguous(const lode_array *array);

/* The number of elements; 1 for a scalar. */
LODE_API int64_t lode_array_count(const lode_array *array);

/* Bytes of one element; 0 if the type is unknown. */
LODE_API size_t lode_dtype_size(lode_dtype dtype);

/* "f64", "i32", "bool", "bf16" …; "?" if the type is unknown. Static strings. */
LODE_API const char *lode_dtype_name(lode_dtype dtype);

/* The type of that name. Errors: LODE_EINVAL, there is none. */
LODE_API LODE_MUST_CHECK lode_err lode_dtype_parse(const char *name, lode_dtype *dtype_out);

#ifdef __cplusplus
}
#endif
#endif
