/* "did you mean …?" */
#include "api/base/suggest.h"

#include <criterion/criterion.h>
#include <string.h>

static const char *const words[] = {"start", "stop", "status", "load", "run", "matmul", "bench"};

static const char *
nearest(const char *word)
{
    return lode_suggest(word, words, sizeof words / sizeof words[0]);
}

Test(suggest, one_letter_too_many_too_few_or_wrong_is_a_typo)
{
    cr_assert_str_eq(nearest("statuss"), "status");
    cr_assert_str_eq(nearest("staus"), "status");
    cr_assert_str_eq(nearest("matmal"), "matmul");
    cr_assert_str_eq(nearest("runn"), "run");
}

Test(suggest, two_neighbours_swapped_are_one_mistake)
{
    cr_assert_str_eq(nearest("rnu"), "run");
    cr_assert_str_eq(nearest("sttaus"), "status");
}

Test(suggest, the_beginning_of_a_word_means_the_word)
{
    cr_assert_str_eq(nearest("matm"), "matmul");
    cr_assert_str_eq(nearest("be"), "bench");
}

Test(suggest, capitals_and_small_letters_are_the_same_to_people)
{
    cr_assert_str_eq(nearest("STATUS"), "status");
    cr_assert_str_eq(lode_suggest("X", (const char *const[]){"y", "x"}, 2), "x");
}

Test(suggest, one_letter_is_as_near_to_any_other)
{
    cr_assert_null(lode_suggest("x", (const char *const[]){"y", "q"}, 2));
}

Test(suggest, what_is_like_nothing_gives_nothing)
{
    char long_word[200];
    memset(long_word, 'a', sizeof long_word - 1);
    long_word[sizeof long_word - 1] = '\0';
    cr_assert_null(nearest("frobnicate"));
    cr_assert_null(nearest(""));
    cr_assert_null(nearest(long_word));
    cr_assert_null(lode_suggest("run", words, 0));
}
