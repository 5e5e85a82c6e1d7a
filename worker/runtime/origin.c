#include "worker/runtime/origin.h"

#include "api/base/fail.h"
#include "api/cluster/paths.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

enum { DIGITS = 16 };

static char text[LODE_DIR_MAX + 64]; /* putenv() keeps it */
static char *digits;                 /* in it; NULL: it is not there yet */

lode_err
origin_export(uint32_t worker, const char *dir)
{
    int at = snprintf(text, sizeof text, "LODE_WORKER=%" PRIu32 ":", worker);
    snprintf(text + at, sizeof text - (size_t)at, "%0*d:%s", DIGITS, 0, dir);
    if (putenv(text) != 0) {
        return lode_fail_errno("no LODE_WORKER");
    }
    digits = text + at;
    return LODE_OK;
}

void
origin_set(uint64_t task)
{
    for (int i = DIGITS; digits != NULL && i-- > 0; task >>= 4) {
        digits[i] = "0123456789abcdef"[task & 15];
    }
}
