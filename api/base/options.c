#include "api/base/options.h"

#include "api/base/fail.h"

#include <string.h>

enum { SIZE_MAX_SANE = 4096 }; /* a size that was never set would have us read all of memory */

static bool
is_zero(const uint8_t *bytes, size_t size)
{
    for (size_t i = 0; i < size; i++) {
        if (bytes[i] != 0) {
            return false;
        }
    }
    return true;
}

lode_err
lode_options_read(const char *type, const void *given, size_t own_size, void *read_out)
{
    size_t size;
    memset(read_out, 0, own_size);
    if (given == NULL) {
        return LODE_OK;
    }
    memcpy(&size, given, sizeof size);
    if (size < sizeof size || size > SIZE_MAX_SANE) {
        return lode_fail_with(LODE_EINVAL,
                              "%s has struct_size %zu; set it to sizeof, which is %zu in this "
                              "library",
                              type, size, own_size);
    }
    if (size > own_size && !is_zero((const uint8_t *)given + own_size, size - own_size)) {
        return lode_fail_with(LODE_EUNSUPPORTED,
                              "%s has %zu bytes, and sets an option behind the %zu that this "
                              "library knows: use a newer liblode, or leave the option out",
                              type, size, own_size);
    }
    memcpy(read_out, given, size < own_size ? size : own_size);
    return LODE_OK;
}
