/* What an argument of `lode run` is, by its looks. */
#include "tools/lode/calls/argument.h"

#include <criterion/criterion.h>
#include <math.h>

static struct argument
parsed(const char *text)
{
    struct argument argument;
    argument_parse(text, &argument);
    return argument;
}

Test(argument, whole_numbers_that_fit_are_integers)
{
    cr_assert_eq(parsed("42").kind, ARGUMENT_I64);
    cr_assert_eq(parsed("42").i64, 42);
    cr_assert_eq(parsed("-7").i64, -7);
    cr_assert_eq(parsed("-9223372036854775808").i64, INT64_MIN);
    cr_assert_eq(parsed("9223372036854775807").i64, INT64_MAX);
}

Test(argument, a_whole_number_that_does_not_fit_is_a_float)
{
    cr_assert_eq(parsed("9223372036854775808").kind, ARGUMENT_F64);
    cr_assert_float_eq(parsed("9223372036854775808").f64, 9223372036854775808.0, 1);
}

Test(argument, points_exponents_and_words_make_floats)
{
    cr_assert_eq(parsed("2.5").kind, ARGUMENT_F64);
    cr_assert_eq(parsed("2.5").f64, 2.5);
    cr_assert_eq(parsed("-1e-3").f64, -1e-3);
    cr_assert_eq(parsed(".5").f64, 0.5);
    cr_assert(isinf(parsed("-inf").f64) && parsed("-inf").kind == ARGUMENT_F64);
    cr_assert(isnan(parsed("nan").f64) && parsed("nan").kind == ARGUMENT_F64);
}

Test(argument, files_and_names_are_told_by_their_ends)
{
    cr_assert_eq(parsed("dir/x.npy").kind, ARGUMENT_FILE);
    cr_assert_str_eq(parsed("dir/x.npy").text, "dir/x.npy");
    cr_assert_eq(parsed("@weights").kind, ARGUMENT_NAME);
    cr_assert_str_eq(parsed("@weights").text, "weights");
    cr_assert_str_eq(parsed("@space/weights").text, "space/weights");
}

Test(argument, everything_else_is_a_string)
{
    static const char *const strings[] = {"",     "hello", ".npy", "@",       "1 ", " 1",
                                          "0x10", "1e",    "12ab", "-",       "+",  ".",
                                          "e",    "--1",   "1-2",  "infinity"};
    for (size_t i = 0; i < sizeof strings / sizeof strings[0]; i++) {
        cr_assert_eq(parsed(strings[i]).kind, ARGUMENT_STR, "'%s'", strings[i]);
        cr_assert_str_eq(parsed(strings[i]).text, strings[i]);
    }
}

Test(argument, str_makes_a_string_of_anything)
{
    cr_assert_eq(parsed("str:42").kind, ARGUMENT_STR);
    cr_assert_str_eq(parsed("str:42").text, "42");
    cr_assert_str_eq(parsed("str:").text, "");
    cr_assert_str_eq(parsed("str:@x").text, "@x");
}

Test(argument, values_become_those_of_a_call)
{
    struct argument argument = parsed("42");
    cr_assert_eq(argument_value(&argument).kind, LODE_ARG_I64);
    cr_assert_eq(argument_value(&argument).u.i64, 42);
    argument = parsed("0.25");
    cr_assert_eq(argument_value(&argument).kind, LODE_ARG_F64);
    argument = parsed("str:0.25");
    cr_assert_eq(argument_value(&argument).kind, LODE_ARG_STR);
    argument = parsed("@name");
    cr_assert_eq(argument_value(&argument).kind, LODE_ARG_REF);
}
