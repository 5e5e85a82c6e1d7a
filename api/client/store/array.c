#include "api/base/fail.h"

#include <lode/array.h>
#include <string.h>

struct dtype_row {
    lode_dtype dtype;
    const char *name;
};

static const struct dtype_row dtypes[] = {
    {LODE_I8, "i8"},           {LODE_I16, "i16"},   {LODE_I32, "i32"},   {LODE_I64, "i64"},
    {LODE_U8, "u8"},           {LODE_U16, "u16"},   {LODE_U32, "u32"},   {LODE_U64, "u64"},
    {LODE_F16, "f16"},         {LODE_F32, "f32"},   {LODE_F64, "f64"},   {LODE_BF16, "bf16"},
    {LODE_C64, "c64"},         {LODE_C128, "c128"}, {LODE_BOOL, "bool"}, {LODE_F8_E4M3, "f8_e4m3"},
    {LODE_F8_E5M2, "f8_e5m2"},
};

static const struct dtype_row *
row_of(lode_dtype dtype)
{
    for (size_t i = 0; i < sizeof dtypes / sizeof dtypes[0]; i++) {
        if (dtypes[i].dtype == dtype) {
            return &dtypes[i];
        }
    }
    return NULL;
}

size_t
lode_dtype_size(lode_dtype dtype)
{
    return row_of(dtype) != NULL ? (dtype >> 8 & 0xff) / 8 : 0;
}

const char *
lode_dtype_name(lode_dtype dtype)
{
    const struct dtype_row *row = row_of(dtype);
    return row != NULL ? row->name : "?";
}

lode_err
lode_dtype_parse(const char *name, lode_dtype *dtype_out)
{
    LODE_NEED("lode_dtype_parse", dtype_out);
    for (size_t i = 0; name != NULL && i < sizeof dtypes / sizeof dtypes[0]; i++) {
        if (strcmp(dtypes[i].name, name) == 0) {
            *dtype_out = dtypes[i].dtype;
            return LODE_OK;
        }
    }
    return lode_fail_with(LODE_EINVAL, "there is no element type '%s': f64, i32, bool … are known",
                          name != NULL ? name : "(null)");
}

static bool
has_strides(const lode_array *array)
{
    for (int32_t i = 0; i < array->ndim; i++) {
        if (array->strides[i] != 0) {
            return true;
        }
    }
    return false;
}

static lode_err
check_axes(const lode_array *array)
{
    if (array->ndim < 0 || array->ndim > LODE_MAX_NDIM) {
        return lode_fail_with(LODE_EINVAL, "an array has 0 to %d axes, this one %d", LODE_MAX_NDIM,
                              (int)array->ndim);
    }
    for (int32_t i = 0; i < array->ndim; i++) {
        if (array->shape[i] < 0) {
            return lode_fail_with(LODE_EINVAL, "axis %d of the array has %lld elements", (int)i,
                                  (long long)array->shape[i]);
        }
        if (array->strides[i] < 0) {
            return lode_fail_with(LODE_EINVAL,
                                  "axis %d of the array has the stride %lld: copy it to C order",
                                  (int)i, (long long)array->strides[i]);
        }
    }
    return LODE_OK;
}

/*
 * Whether the bytes of all elements, and those that each stride steps over, can be counted in 63
 * bits. Axes of no elements are left out: numpy refuses an array whose other axes are too large,
 * were it empty, and so would every program that multiplies them.
 */
static bool
can_be_counted(const lode_array *array, int64_t element)
{
    int64_t bytes = element, step;
    for (int32_t i = 0; i < array->ndim; i++) {
        int64_t length = array->shape[i] > 0 ? array->shape[i] : 1;
        if (__builtin_mul_overflow(bytes, length, &bytes) ||
            __builtin_mul_overflow(array->strides[i], element, &step)) {
            return false;
        }
    }
    return true;
}

/*
 * Bytes from the first element to the last one, of an array that can be counted. False: gaps make
 * it larger than fits.
 */
static bool
bytes_of(const lode_array *array, int64_t element, int64_t *bytes_out)
{
    bool strided = has_strides(array);
    int64_t bytes = element;
    for (int32_t i = 0; i < array->ndim; i++) {
        int64_t step;
        if (array->shape[i] == 0) {
            *bytes_out = 0;
            return true;
        }
        if (!strided) {
            bytes *= array->shape[i];
        } else if (__builtin_mul_overflow(array->shape[i] - 1, array->strides[i] * element,
                                          &step) ||
                   __builtin_add_overflow(bytes, step, &bytes)) {
            return false;
        }
    }
    *bytes_out = bytes;
    return true;
}

lode_err
lode_array_size(const lode_array *array, size_t *size_bytes_out)
{
    int64_t bytes;
    LODE_NEED("lode_array_size", size_bytes_out);
    if (array == NULL) {
        return lode_fail_with(LODE_EINVAL, "the array is NULL");
    }
    size_t element = lode_dtype_size(array->dtype);
    if (element == 0) {
        return lode_fail_with(LODE_EINVAL, "0x%x is no element type that lode knows",
                              (unsigned)array->dtype);
    }
    LODE_TRY(check_axes(array));
    if (!can_be_counted(array, (int64_t)element) || !bytes_of(array, (int64_t)element, &bytes)) {
        return lode_fail_with(LODE_EINVAL,
                              "an array of %d axes of %s is larger than 2^63 bytes (axes of no "
                              "elements left out)",
                              (int)array->ndim, lode_dtype_name(array->dtype));
    }
    *size_bytes_out = (size_t)bytes;
    return LODE_OK;
}

void
lode_array_fill_strides(lode_array *array)
{
    int64_t stride = 1;
    if (has_strides(array)) {
        return;
    }
    for (int32_t i = array->ndim - 1; i >= 0; i--) {
        array->strides[i] = stride;
        if (__builtin_mul_overflow(stride, array->shape[i], &stride)) {
            stride = 0; /* only in an empty array that another version made: no stride is used */
        }
    }
}

/* The stride of an axis of one element says nothing. */
bool
lode_array_is_contiguous(const lode_array *array)
{
    int64_t stride = 1;
    if (lode_array_count(array) == 0 || !has_strides(array)) {
        return true;
    }
    for (int32_t i = array->ndim - 1; i >= 0; i--) {
        if (array->shape[i] != 1 && array->strides[i] != stride) {
            return false;
        }
        if (__builtin_mul_overflow(stride, array->shape[i], &stride)) {
            return false; /* only in an array that another version made */
        }
    }
    return true;
}

int64_t
lode_array_count(const lode_array *array)
{
    int64_t count = 1;
    for (int32_t i = 0; i < array->ndim; i++) {
        if (array->shape[i] == 0) {
            return 0;
        }
    }
    for (int32_t i = 0; i < array->ndim; i++) {
        if (__builtin_mul_overflow(count, array->shape[i], &count)) {
            return INT64_MAX; /* only in an array that another version made */
        }
    }
    return count;
}
