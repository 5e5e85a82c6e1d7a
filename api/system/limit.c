#include "api/system/limit.h"

#include "api/base/fail.h"

#include <errno.h>
#include <string.h>

lode_err
lode_fail_start(int code, const char *what)
{
    char buffer[64];
    if (code == EAGAIN || code == ENOMEM) {
        return lode_fail_with(LODE_ELIMIT, "cannot start %s (%s): %s", what,
                              strerror_r(code, buffer, sizeof buffer), LODE_LIMITS_OF_THREADS);
    }
    errno = code;
    return lode_fail_errno("cannot start %s", what);
}

lode_err
lode_fail_no_descriptor(const char *what)
{
    errno = EMFILE;
    (void)lode_fail_errno("%s", what);
    return LODE_ELIMIT;
}
