#include "worker/process/origin.h"

#include "api/base/fail.h"
#include "api/cluster/paths.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

enum { DIGITS = 16 };

/* putenv() keeps it. The longest there can be fits. */
static char text[sizeof "LODE_WORKER=4294967295:" + 2 * (DIGITS + 1) + LODE_DIR_MAX];
static char *digits; /* in it: the task's; NULL: they are not there yet */
static uint64_t task_there;

lode_err
origin_export(uint32_t worker, const char *dir)
{
    int at = snprintf(text, sizeof text, "LODE_WORKER=%" PRIu32 ":", worker);
    snprintf(text + at, sizeof text - (size_t)at, "%0*d:%0*d:%s", DIGITS, 0, DIGITS, 0, dir);
    if (putenv(text) != 0) {
        return lode_fail_errno("no LODE_WORKER");
    }
    digits = text + at;
    task_there = 0;
    return LODE_OK;
}

/* Those in which it differs from the number that is there: the low ones, as a rule. */
static inline void
write_digits(char *at, uint64_t number, uint64_t differs)
{
    for (int i = DIGITS; i-- > 0 && differs != 0; number >>= 4, differs >>= 4) {
        at[i] = "0123456789abcdef"[number & 15];
    }
}

void
origin_set_key(uint64_t key)
{
    if (digits != NULL) {
        write_digits(digits + DIGITS + 1, key, UINT64_MAX);
        write_digits(digits, task_there, UINT64_MAX); /* user code may have written here */
    }
}

void
origin_set(uint64_t task)
{
    if (digits != NULL) {
        write_digits(digits, task, task ^ task_there);
        task_there = task;
    }
}
