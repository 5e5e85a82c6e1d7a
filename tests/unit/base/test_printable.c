/* Bytes of others, as a person is shown them. */
#include "api/base/fail.h"
#include "api/base/printable.h"

#include <criterion/criterion.h>
#include <stdlib.h>
#include <string.h>

static void
shown_as(const char *text, const char *want)
{
    char out[256];
    size_t length = lode_printable(text, strlen(text), 0, out, sizeof out);
    cr_assert_str_eq(out, want);
    cr_assert(length == strlen(want));
    cr_assert(lode_is_printable(text, strlen(text)) == (strcmp(text, want) == 0));
}

Test(printable, text_stays_as_it_is)
{
    shown_as("", "");
    shown_as("plain \\x1b, ünï, 漢字, 🙂", "plain \\x1b, ünï, 漢字, 🙂");
    shown_as("\xf4\x8f\xbf\xbf", "\xf4\x8f\xbf\xbf");
}

Test(printable, what_drives_a_terminal_is_escaped)
{
    shown_as("a\nb\tc\rd", "a\\nb\\tc\\x0dd");
    shown_as("\x1b]0;title\x07", "\\x1b]0;title\\x07");
    shown_as("\x7f", "\\x7f");
    shown_as("\xc2\x9b"
             "31m",
             "\\xc2\\x9b31m"); /* a control sequence, as one character of UTF-8 */
    shown_as("\xe2\x80\xae"
             "abc",
             "\\xe2\\x80\\xaeabc"); /* from right to left */
    shown_as("\xe2\x81\xa7", "\\xe2\\x81\\xa7");
}

Test(printable, bytes_that_are_not_utf_8_are_escaped)
{
    shown_as("\xff\xfe", "\\xff\\xfe");
    shown_as("a\x80z", "a\\x80z");
    shown_as("\xc0\xaf", "\\xc0\\xaf");                   /* "/", too long */
    shown_as("\xed\xa0\x80", "\\xed\\xa0\\x80");          /* half of a pair */
    shown_as("\xf4\x90\x80\x80", "\\xf4\\x90\\x80\\x80"); /* beyond the last */
    shown_as("\xe6\xbc", "\\xe6\\xbc");                   /* cut */
    shown_as("\xe6\xe6\xbc\xa2", "\\xe6\xe6\xbc\xa2");
}

Test(printable, zeros_are_escaped_and_tabs_stay_on_request)
{
    char out[64];
    cr_assert(lode_printable("a\0b\t", 4, LODE_PRINTABLE_TABS, out, sizeof out) == 7);
    cr_assert_str_eq(out, "a\\x00b\t");
}

Test(printable, what_does_not_fit_is_cut_between_characters)
{
    char out[16];
    cr_assert(lode_printable("ab\x1b", 3, 0, out, 6) == 2);
    cr_assert_str_eq(out, "ab");
    cr_assert(lode_printable("aü", 3, 0, out, 3) == 1);
    cr_assert_str_eq(out, "a");
    cr_assert(lode_printable("aü", 3, 0, out, 1) == 0);
    cr_assert_str_eq(out, "");
}

/* Any bytes become text, and what is text already stays: a sentence may pass through it twice. */
Test(printable, what_it_shows_is_text_whatever_the_bytes)
{
    unsigned seed = 7;
    for (int round = 0; round < 20000; round++) {
        char bytes[24], once[4 * sizeof bytes + 1], twice[sizeof once];
        for (size_t i = 0; i < sizeof bytes; i++) {
            seed = seed * 1664525 + 1013904223;
            bytes[i] = (char)(seed >> 24);
        }
        size_t size = lode_printable(bytes, sizeof bytes, 0, once, sizeof once);
        cr_assert(lode_is_printable(once, size));
        cr_assert(lode_printable(once, size, 0, twice, sizeof twice) == size);
        cr_assert_str_eq(twice, once);
    }
}

Test(printable, sentences_of_errors_are_shown_so)
{
    cr_assert(lode_fail_with(LODE_ENOTFOUND, "there is no object '%s'", "\x1b[2J\xff") ==
              LODE_ENOTFOUND);
    cr_assert_str_eq(lode_last_error(), "there is no object '\\x1b[2J\\xff'");
    cr_assert(lode_fail_with(LODE_ENOTFOUND, "again: %s", lode_last_error()) == LODE_ENOTFOUND);
    cr_assert_str_eq(lode_last_error(), "again: there is no object '\\x1b[2J\\xff'");
}
