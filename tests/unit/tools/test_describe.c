/* What people read of objects, and how a word names one. */
#include "tests/support/check.h"
#include "tools/cli/describe.h"
#include "tools/cli/word.h"

#include <criterion/criterion.h>
#include <string.h>

TestSuite(describe, .timeout = 60);

static void
age_is(uint64_t ns, const char *want)
{
    char text[DESCRIBE_MAX];
    describe_age(ns, text);
    expect_text(text, want);
    expect_text(want, text);
}

Test(describe, ages_change_unit_at_two_of_it)
{
    age_is(0, "0.0 s");
    age_is(1500000000, "1.5 s");
    age_is(119 * UINT64_C(1000000000), "119 s");
    age_is(120 * UINT64_C(1000000000), "2.0 min");
    age_is(7199 * UINT64_C(1000000000), "120 min");
    age_is(7200 * UINT64_C(1000000000), "2.0 h");
    age_is(172800 * UINT64_C(1000000000), "2.0 d");
    age_is(UINT64_MAX, "213504 d");
}

static void
array_is(const lode_object_info *info, const char *want)
{
    char text[DESCRIBE_MAX];
    describe_array(info, text);
    expect_text(text, want);
    expect_text(want, text);
}

Test(describe, arrays_are_type_and_shape)
{
    lode_object_info info = {.kind = LODE_KIND_ARRAY,
                             .array = {.dtype = LODE_F64, .ndim = 2, .shape = {10240, 128}}};
    array_is(&info, "f64 10240 x 128");
    info.array.ndim = 0;
    array_is(&info, "f64 scalar");
    info.kind = LODE_KIND_BLOB;
    array_is(&info, "");
    info = (lode_object_info){.kind = LODE_KIND_ARRAY, .array = {.dtype = 1, .ndim = 8}};
    for (int i = 0; i < 8; i++) {
        info.array.shape[i] = INT64_MAX;
    }
    array_is(&info, "? 9223372036854775807 x 9223372036854775807 x 9223372036854775807 x "
                    "9223372036854775807 x 9223372036854775807 x 9223372036854775807 x "
                    "9223372036854775807 x 9223372036854775807");
}

static void
shown_as(const char *text, const char *want)
{
    char shown[64] = "";
    FILE *out = fmemopen(shown, sizeof shown, "w");
    describe_text(text, out);
    fclose(out);
    cr_assert_str_eq(shown, want);
}

Test(describe, text_of_others_stays_on_one_line_and_drives_no_terminal)
{
    shown_as("plain, ünï", "plain, ünï");
    shown_as("a\nb\tc", "a\\nb\\tc");
    shown_as("\x1b[31m\x7f\r", "\\x1b[31m\\x7f\\x0d");
    shown_as("\xc2\x9b"
             "31m\xc2\xa0",
             "\\xc2\\x9b31m\xc2\xa0"); /* the second begins above the control characters */
}

Test(describe, json_has_shapes_for_arrays_only)
{
    lode_object_info info = {.kind = LODE_KIND_ARRAY,
                             .state = LODE_STATE_SEALED,
                             .size_bytes = 96,
                             .array = {.dtype = LODE_F64, .ndim = 2, .shape = {3, 4}}};
    json_t *object = describe_json(&info);
    expect_eq(json_array_size(json_object_get(object, "shape")), 2);
    expect_eq(json_integer_value(json_object_get(object, "size_bytes")), 96);
    expect_eq(strlen(json_string_value(json_object_get(object, "id"))), 32);
    json_decref(object);
    info.kind = LODE_KIND_BLOB;
    object = describe_json(&info);
    expect(json_object_get(object, "shape") == NULL);
    expect_text(json_string_value(json_object_get(object, "kind")), "blob");
    json_decref(object);
}

Test(describe, a_word_is_an_id_or_a_name)
{
    struct word word;
    must(word_parse("x", &word));
    expect(!word.may_be_id && word.may_be_name && word_space(&word) == NULL);
    expect_text(word.name, "x");
    must(word_parse("space/name", &word));
    expect_text(word_space(&word), "space");
    expect_text(word.name, "name");
    must(word_parse("0123456789abcdef0123456789abcdef", &word));
    expect(word.may_be_id && word.is_whole_id && word.may_be_name);
    must(word_parse("0123456789abcdef0123456789abcdeg", &word));
    expect(!word.may_be_id && word.may_be_name);
    must(word_parse("0123456789abcdef0123456789abcdef0", &word));
    expect(!word.may_be_id && word.may_be_name);
}

Test(describe, an_id_may_be_cut_to_how_it_begins_and_ends)
{
    struct word word;
    must(word_parse("01AB", &word));
    expect(word.may_be_id && !word.is_whole_id && word.may_be_name);
    expect_text(word.head, "01ab");
    expect_text(word.tail, "");
    must(word_parse("01a", &word));
    expect(!word.may_be_id && word.may_be_name);
    must(word_parse("0..1", &word));
    expect(word.may_be_id && !word.is_whole_id);
    expect_text(word.head, "0");
    expect_text(word.tail, "1");
    must(word_parse("..", &word));
    expect(!word.may_be_id);
    must(word_parse("0123456789abcdef..0123456789abcdef1", &word));
    expect(!word.may_be_id);
}

Test(describe, a_prefix_says_whether_a_word_is_an_id_or_a_name)
{
    struct word word;
    must(word_parse("name:0123456789abcdef0123456789abcdef", &word));
    expect(!word.may_be_id && word.may_be_name);
    expect_text(word.name, "0123456789abcdef0123456789abcdef");
    must(word_parse("name:a/id:b", &word));
    expect_text(word_space(&word), "a");
    expect_text(word.name, "id:b");
    must(word_parse("id:0123", &word));
    expect(word.may_be_id && !word.may_be_name);
    fails(word_parse("id:x", &word), LODE_EINVAL);
    fails(word_parse("id:012", &word), LODE_EINVAL);
    fails(word_parse("name:", &word), LODE_EINVAL);
}

Test(describe, what_is_neither_is_refused)
{
    struct word word = {.text = "as it was"};
    char longer[300];
    memset(longer, 'a', sizeof longer - 1);
    longer[256] = '\0';
    fails(word_parse("", &word), LODE_EINVAL);
    fails(word_parse("/", &word), LODE_EINVAL);
    fails(word_parse("a/", &word), LODE_EINVAL);
    fails(word_parse("a/b/c", &word), LODE_EINVAL);
    fails(word_parse("00000000000000000000000000000000", &word), LODE_EINVAL);
    fails(word_parse(longer, &word), LODE_EINVAL);
    expect_text(lode_last_error(), "255 bytes");
    longer[255] = '\0';
    must(word_parse(longer, &word));
    expect_eq(strlen(word.name), 255);
}
