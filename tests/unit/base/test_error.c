/* The table of errors, and the sentence of a thread. */
#include "api/base/fail.h"

#include <criterion/criterion.h>
#include <errno.h>
#include <pthread.h>
#include <string.h>

static const lode_err all[] = {
#define LODE_ERR_VALUE(name, value, text, advice) name,
    LODE_ERR_MAP(LODE_ERR_VALUE)
#undef LODE_ERR_VALUE
};

enum { COUNT = sizeof all / sizeof all[0] };

Test(error, every_value_has_a_name_a_text_and_an_advice)
{
    for (int i = 0; i < COUNT; i++) {
        cr_assert(strncmp(lode_err_name(all[i]), "LODE_", 5) == 0);
        cr_assert(strlen(lode_err_text(all[i])) > 0);
        cr_assert(strlen(lode_err_advice(all[i])) > 0);
    }
    cr_assert_str_eq(lode_err_name(LODE_EGONE), "LODE_EGONE");
}

Test(error, no_value_is_used_twice)
{
    for (int i = 0; i < COUNT; i++) {
        for (int j = i + 1; j < COUNT; j++) {
            cr_assert(all[i] != all[j], "%s and %s", lode_err_name(all[i]), lode_err_name(all[j]));
        }
    }
}

Test(error, an_unknown_value_is_named_too)
{
    cr_assert_not_null(lode_err_name((lode_err)12345));
    cr_assert_not_null(lode_err_text((lode_err)-1));
    cr_assert_not_null(lode_err_advice((lode_err)12345));
    cr_assert_str_eq(lode_err_name((lode_err)12345), "LODE_E?");
}

Test(error, the_sentence_is_empty_before_the_first_failure)
{
    cr_assert_str_eq(lode_last_error(), "");
}

Test(error, the_sentence_is_the_last_failures)
{
    cr_assert(lode_fail_with(LODE_EINVAL, "%d is odd", 3) == LODE_EINVAL);
    cr_assert_str_eq(lode_last_error(), "3 is odd");
    cr_assert(lode_fail_with(LODE_EGONE, "then: %s", lode_last_error()) == LODE_EGONE);
    cr_assert_str_eq(lode_last_error(), "then: 3 is odd");
}

Test(error, a_long_sentence_is_cut)
{
    static char text[3 * LODE_FAIL_MAX];
    memset(text, 'x', sizeof text - 1);
    cr_assert(lode_fail_with(LODE_ELIMIT, "%s", text) == LODE_ELIMIT);
    cr_assert(strlen(lode_last_error()) == LODE_FAIL_MAX - 1);
}

Test(error, errno_becomes_the_error_that_fits)
{
    errno = ENOENT;
    cr_assert(lode_fail_errno("no '%s'", "file") == LODE_ESYS);
    cr_assert_not_null(strstr(lode_last_error(), "no 'file': No such file"));
    cr_assert(errno == ENOENT);
    errno = EACCES;
    cr_assert(lode_fail_errno("x") == LODE_EDENIED);
    errno = ENOMEM;
    cr_assert(lode_fail_errno("x") == LODE_ENOMEM);
    errno = ENOSPC;
    cr_assert(lode_fail_errno("x") == LODE_EFULL);
}

static void *
fail_elsewhere(void *arg)
{
    (void)arg;
    return (void *)(intptr_t)(lode_fail_with(LODE_EINVAL, "elsewhere") == LODE_EINVAL);
}

Test(error, the_sentence_is_a_threads_own)
{
    pthread_t thread;
    cr_assert(lode_fail_with(LODE_EGONE, "here") == LODE_EGONE);
    pthread_create(&thread, NULL, fail_elsewhere, NULL);
    pthread_join(thread, NULL);
    cr_assert_str_eq(lode_last_error(), "here");
}

static lode_err
tries(lode_err err, int *reached)
{
    LODE_TRY(err);
    *reached = 1;
    return LODE_OK;
}

Test(error, try_returns_what_failed)
{
    int reached = 0;
    cr_assert(tries(LODE_EGONE, &reached) == LODE_EGONE);
    cr_assert(reached == 0);
    cr_assert(tries(LODE_OK, &reached) == LODE_OK);
    cr_assert(reached == 1);
}
