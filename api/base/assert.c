#include "api/base/assert.h"

#include <stdio.h>
#include <stdlib.h>

_Noreturn void
lode_assert_failed(const char *what, const char *file, int line)
{
    fprintf(stderr, "lode: bug: %s:%d: %s does not hold; please report it\n", file, line, what);
    abort();
}
