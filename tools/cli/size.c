#include "tools/cli/size.h"

#include "api/base/fail.h"

#include <ctype.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

static const char units[] = "KMGTPE";

static lode_err
not_a_size(const char *text)
{
    return lode_fail_with(LODE_EINVAL,
                          "'%s' is not a size: write bytes, or a number with K, M, G "
                          "or T, as in 512M or 1.5G",
                          text);
}

/* How many times 1,024; -1 if it is no unit. */
static int
unit_power(const char *unit)
{
    const char *found = *unit == '\0' ? NULL : strchr(units, toupper((unsigned char)*unit));
    if (found != NULL) {
        unit++;
        return *unit == '\0' || strcasecmp(unit, "b") == 0 || strcasecmp(unit, "ib") == 0
                   ? (int)(found - units) + 1
                   : -1;
    }
    return *unit == '\0' || strcasecmp(unit, "b") == 0 ? 0 : -1;
}

lode_err
size_parse(const char *text, uint64_t *bytes_out)
{
    char *end;
    /* strtold() would take "inf", "nan", "0x10" and signs as well. */
    size_t digits = strspn(text, "0123456789.");
    if (digits == 0 || text[0] == '.') {
        return not_a_size(text);
    }
    long double number = strtold(text, &end);
    if (end != text + digits) {
        return not_a_size(text);
    }
    while (*end == ' ') {
        end++;
    }
    int power = unit_power(end);
    if (power < 0) {
        return not_a_size(text);
    }
    number = ldexpl(number, 10 * power);
    if (number >= 18446744073709551616.0L) {
        return lode_fail_with(LODE_EINVAL, "'%s' does not fit into 64 bits", text);
    }
    *bytes_out = (uint64_t)number;
    return LODE_OK;
}

const char *
size_format(uint64_t bytes, char text_out[SIZE_TEXT_MAX])
{
    int power = 0;
    double number = (double)bytes;
    while (number >= 1023.95 && power < (int)sizeof units - 1) {
        number /= 1024;
        power++;
    }
    if (power == 0) {
        snprintf(text_out, SIZE_TEXT_MAX, "%u B", (unsigned)bytes);
    } else {
        snprintf(text_out, SIZE_TEXT_MAX, "%.1f %ciB", number, units[power - 1]);
    }
    return text_out;
}
