#include "api/base/fail.h"

#include <criterion/criterion.h>
#include <errno.h>
#include <pthread.h>
#include <string.h>

Test(error, every_value_has_a_name_a_text_and_advice)
{
    for (int i = LODE_OK; i <= LODE_ELIMIT; i++) {
        cr_assert_eq(strncmp(lode_err_name((lode_err)i), "LODE_", 5), 0);
        cr_assert_neq(strcmp(lode_err_name((lode_err)i), "LODE_E?"), 0, "%d", i);
        cr_assert_gt(strlen(lode_err_text((lode_err)i)), 3);
        cr_assert_gt(strlen(lode_err_advice((lode_err)i)), 3);
    }
    cr_assert_str_eq(lode_err_name((lode_err)9999), "LODE_E?");
    cr_assert_str_eq(lode_err_name((lode_err)-1), "LODE_E?");
}

Test(error, a_sentence_may_quote_the_one_before)
{
    cr_assert_eq(lode_fail_with(LODE_EGONE, "first"), LODE_EGONE);
    cr_assert_eq(lode_fail_with(LODE_EDOWN, "after: %s", lode_last_error()), LODE_EDOWN);
    cr_assert_str_eq(lode_last_error(), "after: first");
}

Test(error, a_long_sentence_is_cut)
{
    char longer[2 * LODE_FAIL_MAX];
    memset(longer, 'x', sizeof longer - 1);
    longer[sizeof longer - 1] = '\0';
    cr_assert_eq(lode_fail_with(LODE_EINVAL, "%s", longer), LODE_EINVAL);
    cr_assert_lt(strlen(lode_last_error()), LODE_FAIL_MAX);
}

Test(error, errno_becomes_the_error_that_fits)
{
    errno = ENOSPC;
    cr_assert_eq(lode_fail_errno("no"), LODE_EFULL);
    errno = EACCES;
    cr_assert_eq(lode_fail_errno("no"), LODE_EDENIED);
    errno = EIO;
    cr_assert_eq(lode_fail_errno("the disk"), LODE_ESYS);
    cr_assert_eq(strncmp(lode_last_error(), "the disk: ", 10), 0);
}

static void *
look(void *arg)
{
    *(size_t *)arg = strlen(lode_last_error());
    return NULL;
}

Test(error, sentences_are_a_threads_own)
{
    pthread_t thread;
    size_t length = 99;
    cr_assert_eq(lode_fail_with(LODE_EINVAL, "mine"), LODE_EINVAL);
    pthread_create(&thread, NULL, look, &length);
    pthread_join(thread, NULL);
    cr_assert_eq(length, 0);
}
