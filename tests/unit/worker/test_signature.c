#include "worker/libraries/signature.h"

#include <criterion/criterion.h>

#include "tests/support/check.h"

Test(signature, each_parameter_of_the_list_is_an_argument)
{
    expect_eq(signature_arguments("()"), 0);
    expect_eq(signature_arguments("( ) -> f64"), 0);
    expect_eq(signature_arguments("(x: i64) -> i64"), 1);
    expect_eq(signature_arguments("(a: T[m,k], b: T[k,n]) -> T[m,n]"), 2);
    expect_eq(signature_arguments("increment(x: f64[...], by: (i64, i64), {a, b})"), 3);
    expect_eq(signature_arguments("(x: i64) -> (i64, i64)"), 1);
}

Test(signature, three_dots_or_a_star_stand_for_any_number)
{
    expect_eq(signature_arguments("(x: i64, ...)"), SIGNATURE_ANY);
    expect_eq(signature_arguments("(…) -> i64"), SIGNATURE_ANY);
    expect_eq(signature_arguments("(first: i64, *rest: i64)"), SIGNATURE_ANY);
}

Test(signature, a_text_without_a_whole_list_says_nothing)
{
    expect_eq(signature_arguments(NULL), SIGNATURE_ANY);
    expect_eq(signature_arguments(""), SIGNATURE_ANY);
    expect_eq(signature_arguments("adds two numbers"), SIGNATURE_ANY);
    expect_eq(signature_arguments("(x: i64"), SIGNATURE_ANY);
    expect_eq(signature_arguments("(x: f64[m, y)"), SIGNATURE_ANY);
    expect_eq(signature_arguments("("), SIGNATURE_ANY);
}
