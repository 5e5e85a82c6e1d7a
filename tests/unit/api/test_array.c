#include <criterion/criterion.h>
#include <lode/array.h>
#include <string.h>

static size_t
size_of(lode_array array)
{
    size_t size = 12345;
    cr_assert_eq(lode_array_size(&array, &size), LODE_OK, "%s", lode_last_error());
    return size;
}

static void
is_refused(lode_array array)
{
    size_t size = 12345;
    cr_assert_eq(lode_array_size(&array, &size), LODE_EINVAL);
    cr_assert_eq(size, 12345, "an output is written only on success");
}

Test(array, a_scalar_has_one_element)
{
    lode_array scalar = {.dtype = LODE_F64};
    cr_assert_eq(size_of(scalar), 8);
    cr_assert_eq(lode_array_count(&scalar), 1);
    cr_assert(lode_array_is_contiguous(&scalar));
}

Test(array, an_empty_axis_makes_an_empty_array)
{
    lode_array empty = {.dtype = LODE_F64, .ndim = 3, .shape = {4, 0, INT64_C(1) << 40}};
    cr_assert_eq(size_of(empty), 0);
    cr_assert_eq(lode_array_count(&empty), 0);
    cr_assert(lode_array_is_contiguous(&empty));
    lode_array_fill_strides(&empty);
    cr_assert_eq(empty.strides[2], 1);
}

Test(array, c_order_is_filled_in_and_recognised)
{
    lode_array a = {.dtype = LODE_I32, .ndim = 3, .shape = {2, 3, 4}};
    cr_assert_eq(size_of(a), 2 * 3 * 4 * 4);
    lode_array_fill_strides(&a);
    cr_assert_eq(a.strides[0], 12);
    cr_assert_eq(a.strides[1], 4);
    cr_assert_eq(a.strides[2], 1);
    cr_assert(lode_array_is_contiguous(&a));
    cr_assert_eq(size_of(a), 2 * 3 * 4 * 4);
}

Test(array, strides_that_are_given_stay)
{
    lode_array transposed = {.dtype = LODE_F32, .ndim = 2, .shape = {3, 2}, .strides = {1, 3}};
    lode_array_fill_strides(&transposed);
    cr_assert_eq(transposed.strides[0], 1);
    cr_assert_eq(transposed.strides[1], 3);
    cr_assert_not(lode_array_is_contiguous(&transposed));
    cr_assert_eq(size_of(transposed), 6 * 4);
}

Test(array, the_stride_of_an_axis_of_one_says_nothing)
{
    lode_array a = {.dtype = LODE_U8, .ndim = 2, .shape = {1, 5}, .strides = {99, 1}};
    cr_assert(lode_array_is_contiguous(&a));
    cr_assert_eq(size_of(a), 5);
}

Test(array, gaps_count_up_to_the_last_element)
{
    lode_array every_other = {.dtype = LODE_F64, .ndim = 1, .shape = {5}, .strides = {2}};
    cr_assert_eq(size_of(every_other), 9 * 8);
    cr_assert_not(lode_array_is_contiguous(&every_other));
}

Test(array, an_axis_of_stride_0_repeats_and_takes_no_bytes)
{
    lode_array a = {
        .dtype = LODE_F64, .ndim = 2, .shape = {INT64_C(1) << 40, 3}, .strides = {0, 1}};
    cr_assert_eq(size_of(a), 3 * 8);
    cr_assert_not(lode_array_is_contiguous(&a));
}

/* numpy refuses a file of such a shape: the product of the other axes must fit, too. */
Test(array, an_empty_array_is_refused_where_its_other_axes_are_too_large)
{
    const int64_t big = INT64_C(1) << 62;
    is_refused((lode_array){.dtype = LODE_U16, .ndim = 2, .shape = {big, 0}});
    is_refused((lode_array){.dtype = LODE_F64, .ndim = 2, .shape = {0, big}});
    is_refused((lode_array){.dtype = LODE_U8, .ndim = 3, .shape = {1 << 30, 0, INT64_C(1) << 40}});
    cr_assert_eq(size_of((lode_array){.dtype = LODE_U8, .ndim = 2, .shape = {big, 0}}), 0);
}

Test(array, elements_that_only_repeat_are_counted_all_the_same)
{
    is_refused(
        (lode_array){.dtype = LODE_U8, .ndim = 2, .shape = {INT64_MAX, 3}, .strides = {0, 1}});
}

Test(array, a_stride_is_refused_whose_bytes_do_not_fit)
{
    const int64_t big = INT64_C(1) << 62;
    is_refused((lode_array){.dtype = LODE_F64, .ndim = 2, .shape = {0, 3}, .strides = {big, 1}});
    is_refused((lode_array){.dtype = LODE_F64, .ndim = 2, .shape = {1, 3}, .strides = {big, 1}});
}

Test(array, nonsense_is_refused_with_a_sentence)
{
    is_refused((lode_array){.dtype = LODE_DTYPE(7, 8, 1)});
    is_refused((lode_array){.dtype = LODE_F64, .ndim = -1});
    is_refused((lode_array){.dtype = LODE_F64, .ndim = LODE_MAX_NDIM + 1});
    is_refused((lode_array){.dtype = LODE_F64, .ndim = 1, .shape = {-1}});
    is_refused((lode_array){.dtype = LODE_F64, .ndim = 1, .shape = {2}, .strides = {-1}});
    is_refused((lode_array){.dtype = LODE_F64, .ndim = 2, .shape = {INT64_MAX, 2}});
    is_refused((lode_array){.dtype = LODE_F64, .ndim = 1, .shape = {INT64_MAX / 8 + 1}});
    is_refused((lode_array){
        .dtype = LODE_F64, .ndim = 2, .shape = {INT64_MAX, 2}, .strides = {INT64_MAX, 1}});
    cr_assert_neq(lode_last_error()[0], '\0');
    cr_assert_eq(lode_array_size(NULL, &(size_t){0}), LODE_EINVAL);
}

Test(array, entries_beyond_ndim_are_ignored)
{
    lode_array a = {.dtype = LODE_F64, .ndim = 1, .shape = {3, -7}, .strides = {0, 5}};
    cr_assert_eq(size_of(a), 24);
    cr_assert(lode_array_is_contiguous(&a));
}

Test(array, a_type_is_dlpacks_in_bytes)
{
    const uint8_t want[4] = {2, 64, 1, 0}; /* kDLFloat, 64 bits, one lane */
    lode_dtype f64 = LODE_F64;
    cr_assert_arr_eq(&f64, want, sizeof want);
    cr_assert_eq(LODE_DTYPE(4, 16, 1), LODE_BF16);
}

Test(array, every_type_has_a_name_that_parses_back)
{
    const lode_dtype all[] = {LODE_I8,  LODE_I16,  LODE_I32,  LODE_I64,     LODE_U8,     LODE_U16,
                              LODE_U32, LODE_U64,  LODE_F16,  LODE_F32,     LODE_F64,    LODE_BF16,
                              LODE_C64, LODE_C128, LODE_BOOL, LODE_F8_E4M3, LODE_F8_E5M2};
    for (size_t i = 0; i < sizeof all / sizeof all[0]; i++) {
        lode_dtype back = 0;
        const char *name = lode_dtype_name(all[i]);
        cr_assert_neq(strcmp(name, "?"), 0);
        cr_assert_eq(lode_dtype_parse(name, &back), LODE_OK);
        cr_assert_eq(back, all[i], "%s", name);
        cr_assert_eq(lode_dtype_size(all[i]), (all[i] >> 8 & 0xff) / 8);
    }
    cr_assert_str_eq(lode_dtype_name(0x12345678), "?");
    cr_assert_eq(lode_dtype_size(0x12345678), 0);
    cr_assert_eq(lode_dtype_parse("?", &(lode_dtype){0}), LODE_EINVAL);
    cr_assert_eq(lode_dtype_parse("f65", &(lode_dtype){0}), LODE_EINVAL);
    cr_assert_eq(lode_dtype_parse(NULL, &(lode_dtype){0}), LODE_EINVAL);
}
