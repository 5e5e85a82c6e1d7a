#include "api/base/fail.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#undef lode_fail_with
#undef lode_fail_errno

static _Thread_local char last_error[LODE_FAIL_MAX];

const char *
lode_last_error(void)
{
    return last_error;
}

/* The arguments may point into last_error itself, so the sentence is made beside it. */
static void
set_sentence(const char *format, va_list args, const char *suffix)
{
    char sentence[LODE_FAIL_MAX];
    int n = vsnprintf(sentence, sizeof sentence, format, args);
    size_t used = n < 0 ? 0 : (size_t)n < sizeof sentence ? (size_t)n : sizeof sentence - 1;
    sentence[used] = '\0';
    if (suffix != NULL) {
        snprintf(sentence + used, sizeof sentence - used, ": %s", suffix);
    }
    memcpy(last_error, sentence, sizeof last_error);
}

lode_err
lode_fail_with(lode_err err, const char *format, ...)
{
    va_list args;
    va_start(args, format);
    set_sentence(format, args, NULL);
    va_end(args);
    return err;
}

static lode_err
err_of_errno(int number)
{
    switch (number) {
    case ENOMEM:
        return LODE_ENOMEM;
    case EACCES:
    case EPERM:
        return LODE_EDENIED;
    case ENOSPC:
        return LODE_EFULL;
    default:
        return LODE_ESYS;
    }
}

lode_err
lode_fail_errno(const char *format, ...)
{
    int number = errno;
    char text[128];
    va_list args;
    va_start(args, format);
    set_sentence(format, args, strerror_r(number, text, sizeof text));
    va_end(args);
    errno = number;
    return err_of_errno(number);
}

bool
lode_err_is_known(lode_err err)
{
    return strcmp(lode_err_name(err), "LODE_E?") != 0;
}
