/* What a task has returned, for people and for programs. */
#include "tools/lode/calls/library_stem.h"
#include "tools/lode/calls/result.h"

#include <criterion/criterion.h>
#include <string.h>

static lode_view
scalar(lode_dtype dtype, const void *data, size_t size)
{
    return (lode_view){
        .data = data, .size = size, .kind = LODE_KIND_ARRAY, .array = {.dtype = dtype}};
}

static const char *
printed(lode_view view)
{
    static char text[256];
    FILE *out = fmemopen(text, sizeof text, "w");
    result_print(&view, out);
    fclose(out);
    return text;
}

Test(result, integers_are_whole)
{
    int64_t low = INT64_MIN;
    uint64_t high = UINT64_MAX;
    int8_t small = -3;
    cr_assert_str_eq(printed(scalar(LODE_I64, &low, 8)), "-9223372036854775808\n");
    cr_assert_str_eq(printed(scalar(LODE_U64, &high, 8)), "18446744073709551615\n");
    cr_assert_str_eq(printed(scalar(LODE_I8, &small, 1)), "-3\n");
}

Test(result, floats_read_back_as_the_same_number_and_no_longer_than_need_be)
{
    double tenth = 0.1, third = 1.0 / 3;
    float f = 0.1f;
    cr_assert_str_eq(printed(scalar(LODE_F64, &tenth, 8)), "0.1\n");
    cr_assert_str_eq(printed(scalar(LODE_F32, &f, 4)), "0.1\n");
    cr_assert_eq(strtod(printed(scalar(LODE_F64, &third, 8)), NULL), third);
}

Test(result, arrays_are_a_type_and_a_shape)
{
    lode_view view = {.kind = LODE_KIND_ARRAY,
                      .array = {.dtype = LODE_F64, .ndim = 2, .shape = {10240, 128}}};
    cr_assert_str_eq(printed(view), "f64[10240, 128]\n");
    view.array.ndim = 1;
    cr_assert_str_eq(printed(view), "f64[10240]\n");
}

static lode_view
blob(const char *bytes, size_t size)
{
    return (lode_view){.kind = LODE_KIND_BLOB, .data = bytes, .size = size};
}

Test(result, blobs_are_a_size_and_nothing_is_done)
{
    static char large[4097];
    memset(large, 'x', sizeof large);
    cr_assert_str_eq(printed(blob("\x93NUMPY\x01\0\0\0\0\0", 12)), "blob of 12 bytes\n");
    cr_assert_str_eq(printed(blob("\x1b[2J", 4)), "blob of 4 bytes\n", "it drives the terminal");
    cr_assert_str_eq(printed(blob("a\0b", 3)), "blob of 3 bytes\n");
    cr_assert_str_eq(printed(blob(large, sizeof large)), "blob of 4097 bytes\n");
    cr_assert_str_eq(printed(blob("", 0)), "done\n");
}

Test(result, text_is_printed_as_it_is)
{
    cr_assert_str_eq(printed(blob("h\xc3\xbcgel", 6)), "h\xc3\xbcgel\n");
    cr_assert_str_eq(printed(blob("a\tb\nc\n", 6)), "a\tb\nc\n", "no line is added");
    lode_view text = blob("a\nb", 3);
    json_t *document = result_json(&text);
    cr_assert_str_eq(json_string_value(json_object_get(document, "value")), "a\nb");
    json_decref(document);
    lode_view bytes = blob("\xff", 1);
    document = result_json(&bytes);
    cr_assert_null(json_object_get(document, "value"));
    json_decref(document);
}

Test(result, the_document_has_value_type_and_shape)
{
    double half = 0.5;
    lode_view view = scalar(LODE_F64, &half, 8);
    json_t *document = result_json(&view);
    cr_assert_eq(json_real_value(json_object_get(document, "value")), 0.5);
    cr_assert_str_eq(json_string_value(json_object_get(document, "dtype")), "f64");
    cr_assert_eq(json_array_size(json_object_get(document, "shape")), 0);
    cr_assert_eq(json_integer_value(json_object_get(document, "size_bytes")), 8);
    json_decref(document);
}

Test(library_stem, is_the_file_name_without_lib_and_so)
{
    char stem[32];
    library_stem("/a/b/libtasks.so.1", stem, sizeof stem);
    cr_assert_str_eq(stem, "tasks");
    library_stem("play.so", stem, sizeof stem);
    cr_assert_str_eq(stem, "play");
    library_stem("lib.so", stem, sizeof stem);
    cr_assert_str_eq(stem, "lib");
    library_stem("./plain", stem, sizeof stem);
    cr_assert_str_eq(stem, "plain");
}
