/* Element types, array sizes and strides: what <lode/array.h> says. */
#include <criterion/criterion.h>
#include <lode/lode.h>
#include <string.h>

Test(dtype, is_dlpacks_in_bytes)
{
    const uint8_t want[4] = {2, 64, 1, 0}; /* kDLFloat, 64 bits, one lane */
    lode_dtype f64 = LODE_F64;
    cr_assert(memcmp(&f64, want, sizeof want) == 0);
    cr_assert(LODE_DTYPE(4, 16, 1) == LODE_BF16);
}

Test(dtype, every_name_is_parsed_again)
{
    static const lode_dtype all[] = {LODE_I8,      LODE_I16,    LODE_I32, LODE_I64,  LODE_U8,
                                     LODE_U16,     LODE_U32,    LODE_U64, LODE_F16,  LODE_F32,
                                     LODE_F64,     LODE_BF16,   LODE_C64, LODE_C128, LODE_BOOL,
                                     LODE_F8_E4M3, LODE_F8_E5M2};
    for (size_t i = 0; i < sizeof all / sizeof all[0]; i++) {
        lode_dtype again;
        cr_assert(lode_dtype_parse(lode_dtype_name(all[i]), &again) == LODE_OK);
        cr_assert(again == all[i], "%s", lode_dtype_name(all[i]));
        cr_assert(lode_dtype_size(all[i]) == (all[i] >> 8 & 0xff) / 8);
    }
    lode_dtype none;
    cr_assert(lode_dtype_parse("f63", &none) == LODE_EINVAL);
    cr_assert(lode_dtype_parse("?", &none) == LODE_EINVAL);
    cr_assert(lode_dtype_size(0xffffff) == 0);
    cr_assert_str_eq(lode_dtype_name(0xffffff), "?");
}

Test(dtype, array_size_counts_from_the_first_element_to_the_last)
{
    size_t size;
    lode_array c = {.dtype = LODE_F64, .ndim = 2, .shape = {3, 4}};
    lode_array gaps = {.dtype = LODE_F64, .ndim = 2, .shape = {3, 4}, .strides = {10, 1}};
    lode_array repeated = {.dtype = LODE_F64, .ndim = 2, .shape = {3, 4}, .strides = {0, 1}};
    lode_array scalar = {.dtype = LODE_I32, .ndim = 0};
    lode_array empty = {.dtype = LODE_F64, .ndim = 2, .shape = {0, INT64_MAX}};
    cr_assert(lode_array_size(&c, &size) == LODE_OK && size == 96);
    cr_assert(lode_array_size(&gaps, &size) == LODE_OK && size == 8 * 24);
    cr_assert(lode_array_size(&repeated, &size) == LODE_OK && size == 32);
    cr_assert(lode_array_size(&scalar, &size) == LODE_OK && size == 4);
    cr_assert(lode_array_size(&empty, &size) == LODE_OK && size == 0);
}

Test(dtype, an_array_that_cannot_be_is_refused)
{
    size_t size = 77;
    lode_array unknown = {.dtype = 1, .ndim = 0};
    lode_array negative = {.dtype = LODE_F64, .ndim = 1, .shape = {-1}};
    lode_array backwards = {.dtype = LODE_F64, .ndim = 1, .shape = {4}, .strides = {-1}};
    lode_array deep = {.dtype = LODE_F64, .ndim = LODE_MAX_NDIM + 1};
    lode_array vast = {.dtype = LODE_F64, .ndim = 2, .shape = {INT64_MAX, INT64_MAX}};
    lode_array wide = {.dtype = LODE_F64, .ndim = 1, .shape = {INT64_MAX / 4}};
    cr_assert(lode_array_size(&unknown, &size) == LODE_EINVAL);
    cr_assert(lode_array_size(&negative, &size) == LODE_EINVAL);
    cr_assert(lode_array_size(&backwards, &size) == LODE_EINVAL);
    cr_assert(lode_array_size(&deep, &size) == LODE_EINVAL);
    cr_assert(lode_array_size(&vast, &size) == LODE_EINVAL);
    cr_assert(lode_array_size(&wide, &size) == LODE_EINVAL);
    cr_assert(lode_array_size(NULL, &size) == LODE_EINVAL);
    cr_assert(size == 77);
}

Test(dtype, strides_are_filled_in_c_order)
{
    lode_array array = {.dtype = LODE_F64, .ndim = 3, .shape = {2, 3, 4}};
    lode_array_fill_strides(&array);
    cr_assert(array.strides[0] == 12 && array.strides[1] == 4 && array.strides[2] == 1);
    cr_assert(lode_array_is_contiguous(&array));
    cr_assert(lode_array_count(&array) == 24);
    array.strides[0] = 13;
    lode_array_fill_strides(&array); /* they are filled already */
    cr_assert(array.strides[0] == 13);
    cr_assert(!lode_array_is_contiguous(&array));
}

Test(dtype, an_axis_of_one_may_have_any_stride)
{
    lode_array array = {.dtype = LODE_F64, .ndim = 2, .shape = {1, 4}, .strides = {99, 1}};
    cr_assert(lode_array_is_contiguous(&array));
    lode_array scalar = {.dtype = LODE_F64, .ndim = 0};
    cr_assert(lode_array_is_contiguous(&scalar));
    cr_assert(lode_array_count(&scalar) == 1);
}

Test(dtype, ids_are_text_and_back)
{
    lode_id id;
    lode_id again;
    char text[LODE_ID_TEXT_SIZE];
    cr_assert(lode_id_random(&id) == LODE_OK);
    lode_id_format(id, text);
    cr_assert(strlen(text) == 32);
    cr_assert(lode_id_parse(text, &again) == LODE_OK);
    cr_assert(lode_id_equal(id, again));
    cr_assert(lode_id_parse("", &again) == LODE_EINVAL);
    cr_assert(lode_id_parse("xyz", &again) == LODE_EINVAL);
    text[31] = 'g';
    cr_assert(lode_id_parse(text, &again) == LODE_EINVAL);
    cr_assert(lode_id_equal(id, again)); /* unset on failure means: left alone */
    lode_id_format((lode_id){{0}}, text);
    cr_assert_str_eq(text, "00000000000000000000000000000000");
}
