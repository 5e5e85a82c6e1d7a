#include "api/base/printable.h"

#include <stdint.h>
#include <stdio.h>
#include <string.h>

/* Of this character of UTF-8: its bytes; 0: it is none, or is cut. */
static size_t
length_of(const unsigned char *c, size_t size, uint32_t *code_out)
{
    static const uint32_t least[] = {0, 0, 0x80, 0x800, 0x10000};
    size_t length = c[0] < 0x80   ? 1
                    : c[0] < 0xc0 ? 0
                    : c[0] < 0xe0 ? 2
                    : c[0] < 0xf0 ? 3
                    : c[0] < 0xf8 ? 4
                                  : 0;
    if (length == 0 || length > size) {
        return 0;
    }
    uint32_t code = length == 1 ? c[0] : c[0] & (0x7fU >> length);
    for (size_t i = 1; i < length; i++) {
        if ((c[i] & 0xc0) != 0x80) {
            return 0;
        }
        code = code << 6 | (c[i] & 0x3f);
    }
    bool is_surrogate = code >= 0xd800 && code < 0xe000;
    *code_out = code;
    return code < least[length] || is_surrogate || code > 0x10ffff ? 0 : length;
}

/* What would move the cursor, end the line, or turn the direction of writing. */
static bool
is_control(uint32_t code)
{
    return code < 0x20 || (code >= 0x7f && code < 0xa0) || code == 0x2028 || code == 0x2029 ||
           (code >= 0x202a && code <= 0x202e) || (code >= 0x2066 && code <= 0x2069);
}

/* The bytes from `c` on that stay as they are, and belong together; 0: the first is escaped. */
static size_t
stays(const unsigned char *c, size_t size, unsigned flags)
{
    uint32_t code;
    size_t length = length_of(c, size, &code);
    bool is_kept_tab = *c == '\t' && (flags & LODE_PRINTABLE_TABS) != 0;
    return length > 0 && (!is_control(code) || is_kept_tab) ? length : 0;
}

static size_t
escape(unsigned char c, char text_out[LODE_PRINTABLE_GROWTH + 1])
{
    const char *at = c != '\0' ? strchr("\nn\tt", c) : NULL;
    int length = at != NULL ? sprintf(text_out, "\\%c", at[1]) : sprintf(text_out, "\\x%02x", c);
    return (size_t)length;
}

size_t
lode_printable(const char *bytes, size_t size, unsigned flags, char *out, size_t room)
{
    const unsigned char *c = (const unsigned char *)bytes;
    size_t used = 0;
    for (size_t at = 0; at < size;) {
        char escaped[LODE_PRINTABLE_GROWTH + 1];
        size_t same = stays(c + at, size - at, flags);
        size_t length = same > 0 ? same : escape(c[at], escaped);
        if (length >= room - used) {
            break;
        }
        memcpy(out + used, same > 0 ? bytes + at : escaped, length);
        used += length;
        at += same > 0 ? same : 1;
    }
    out[used] = '\0';
    return used;
}

bool
lode_is_printable(const char *bytes, size_t size)
{
    const unsigned char *c = (const unsigned char *)bytes;
    for (size_t at = 0; at < size;) {
        size_t same = c[at] >= 0x20 && c[at] < 0x7f ? 1 : stays(c + at, size - at, 0);
        if (same == 0) {
            return false;
        }
        at += same;
    }
    return true;
}
