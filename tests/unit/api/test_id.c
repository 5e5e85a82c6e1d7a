#include "api/layout/id.h"

#include <criterion/criterion.h>

Test(id, its_parts_come_back)
{
    lode_id id = lode_id_make(LODE_ID_RESULT, LODE_SESSION_MAX, 77);
    cr_assert_eq(lode_id_kind(id), LODE_ID_RESULT);
    cr_assert_eq(lode_id_session(id), LODE_SESSION_MAX);
    cr_assert_eq(lode_id_low(id), 77);
    cr_assert_eq(lode_id_low(lode_id_plus(id, 3)), 80);
    cr_assert_eq(lode_id_high(lode_id_plus(id, 3)), lode_id_high(id));
}

Test(id, text_sorts_as_kind_session_counter)
{
    char low[LODE_ID_TEXT_SIZE], high[LODE_ID_TEXT_SIZE];
    lode_id_format(lode_id_make(LODE_ID_PUT, 2, 255), low);
    lode_id_format(lode_id_make(LODE_ID_PUT, 2, 256), high);
    cr_assert_lt(strcmp(low, high), 0);
    lode_id_format(lode_id_make(LODE_ID_PUT, 3, 0), low);
    cr_assert_gt(strcmp(low, high), 0);
}

Test(id, text_parses_back_in_both_cases)
{
    char text[LODE_ID_TEXT_SIZE];
    lode_id id, back;
    cr_assert_eq(lode_id_random(&id), LODE_OK);
    lode_id_format(id, text);
    cr_assert_eq(strlen(text), 32);
    cr_assert_eq(lode_id_parse(text, &back), LODE_OK);
    cr_assert(lode_id_equal(id, back));
    for (char *c = text; *c != '\0'; c++) {
        *c = (char)(*c >= 'a' ? *c - 32 : *c);
    }
    cr_assert_eq(lode_id_parse(text, &back), LODE_OK);
    cr_assert(lode_id_equal(id, back));
    lode_id_format((lode_id){{0}}, text);
    cr_assert_str_eq(text, "00000000000000000000000000000000");
}

Test(id, other_text_is_refused_and_leaves_the_output_alone)
{
    lode_id id = lode_id_make(LODE_ID_PUT, 1, 1), before = id;
    const char *bad[] = {"",
                         "0",
                         "0123456789abcdef0123456789abcde",
                         "0123456789abcdef0123456789abcdef0",
                         "0123456789abcdef0123456789abcdeg",
                         "0x23456789abcdef0123456789abcdef"};
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        cr_assert_eq(lode_id_parse(bad[i], &id), LODE_EINVAL, "%s", bad[i]);
    }
    cr_assert_eq(lode_id_parse(NULL, &id), LODE_EINVAL);
    cr_assert(lode_id_equal(id, before));
}

Test(id, random_ids_are_the_users_and_differ)
{
    lode_id a, b;
    cr_assert_eq(lode_id_random(&a), LODE_OK);
    cr_assert_eq(lode_id_random(&b), LODE_OK);
    cr_assert_eq(lode_id_kind(a), LODE_ID_USER);
    cr_assert_eq(lode_id_session(a), 0);
    cr_assert_not(lode_id_equal(a, b));
    cr_assert_not(lode_id_is_zero(a));
    cr_assert(lode_id_is_zero((lode_id){{0}}));
}
