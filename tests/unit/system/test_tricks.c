/* LODE_WITHOUT, by which a person leaves tricks out. */
#include "api/system/tricks.h"

#include "api/system/copy.h"

#include <criterion/criterion.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

static unsigned
left_out_by(const char *list)
{
    unsigned out = 0;
    setenv("LODE_WITHOUT", list, 1);
    for (unsigned trick = LODE_TRICK_STREAM; trick <= LODE_TRICK_PLAIN; trick *= 2) {
        out |= lode_trick_wanted((enum lode_trick)trick) ? 0 : trick;
    }
    return out;
}

Test(tricks, that_a_list_names_are_left_out_and_other_words_passed_over)
{
    cr_assert_eq(left_out_by(""), 0);
    cr_assert_eq(left_out_by("stream"), LODE_TRICK_STREAM);
    cr_assert_eq(left_out_by("key,near"), LODE_TRICK_KEY | LODE_TRICK_NEAR);
    cr_assert_eq(left_out_by(",,key,"), LODE_TRICK_KEY);
    cr_assert_eq(left_out_by("plain"), LODE_TRICK_PLAIN);
    cr_assert_eq(left_out_by("ahead,streams,strea,no such,ke"), LODE_TRICK_AHEAD);
}

Test(tricks, are_listed_for_one_who_names_another)
{
    unsetenv("LODE_WITHOUT");
    cr_assert_eq(lode_tricks_check(), LODE_OK);
    setenv("LODE_WITHOUT", ",stream,key,,near,ahead,plain,", 1);
    cr_assert_eq(lode_tricks_check(), LODE_OK);
    static const char *const WRONG[] = {"nonsense", "key,nonsense,near", "nonsense,more"};
    for (size_t i = 0; i < sizeof WRONG / sizeof WRONG[0]; i++) {
        setenv("LODE_WITHOUT", WRONG[i], 1);
        cr_assert_eq(lode_tricks_check(), LODE_EINVAL);
        cr_assert_not_null(strstr(lode_last_error(), "'nonsense' is passed over"));
        cr_assert_not_null(strstr(lode_last_error(), "stream, key, near, ahead and plain"));
    }
    setenv("LODE_WITHOUT", "a,word,b", 1);
    cr_assert_eq(lode_tricks_check(), LODE_EINVAL);
    cr_assert_not_null(strstr(lode_last_error(), "'a'"));
}

Test(tricks, are_wanted_unless_the_variable_names_them)
{
    setenv("LODE_WITHOUT", "near,stream", 1);
    cr_assert_not(lode_trick_wanted(LODE_TRICK_NEAR));
    cr_assert_not(lode_trick_wanted(LODE_TRICK_STREAM));
    cr_assert(lode_trick_wanted(LODE_TRICK_KEY));
    cr_assert(lode_trick_wanted(LODE_TRICK_AHEAD));
    unsetenv("LODE_WITHOUT");
    cr_assert(lode_trick_wanted(LODE_TRICK_NEAR));
}

Test(tricks, of_copies_left_out_leaves_memcpy_for_every_size)
{
    setenv("LODE_WITHOUT", "stream", 1);
    cr_assert_eq(lode_copy_streams_from(), SIZE_MAX);
}
