#include "api/layout/name_key.h"

#include "api/base/fail.h"

#include <string.h>
#include <xxhash.h>

/* Bytes of the UTF-8 sequence at `at`; 0 if it is none (overlong forms and surrogates included). */
static size_t
sequence_size(const unsigned char *at, size_t left)
{
    size_t size = at[0] < 0x80 ? 1 : at[0] < 0xc2 ? 0 : at[0] < 0xe0 ? 2 : at[0] < 0xf0 ? 3 : 4;
    if (size == 0 || size > left || at[0] > 0xf4) {
        return 0;
    }
    for (size_t i = 1; i < size; i++) {
        if ((at[i] & 0xc0) != 0x80) {
            return 0;
        }
    }
    if ((at[0] == 0xe0 && at[1] < 0xa0) || (at[0] == 0xed && at[1] > 0x9f) ||
        (at[0] == 0xf0 && at[1] < 0x90) || (at[0] == 0xf4 && at[1] > 0x8f)) {
        return 0;
    }
    return size;
}

lode_err
lode_name_check(const char *what, const void *text, size_t size, bool may_be_empty)
{
    const unsigned char *bytes = text;
    if (size > LODE_NAME_BYTES_MAX || (size == 0 && !may_be_empty)) {
        return lode_fail_with(LODE_EINVAL, "a %s has 1 to %d bytes, this one %zu", what,
                              LODE_NAME_BYTES_MAX, size);
    }
    for (size_t i = 0; i < size;) {
        size_t step = sequence_size(bytes + i, size - i);
        if (step == 0 || bytes[i] == '/' || bytes[i] == '\0') {
            return lode_fail_with(LODE_EINVAL,
                                  "byte %zu of the %s is 0x%02x: it must be UTF-8 without '/' "
                                  "and without zero bytes",
                                  i, what, bytes[i]);
        }
        i += step;
    }
    return LODE_OK;
}

size_t
lode_name_text(const void *space, size_t space_size, const void *name, size_t name_size,
               char text_out[LODE_NAME_TEXT_MAX])
{
    if (space_size > 0) {
        memcpy(text_out, space, space_size);
    }
    text_out[space_size] = '\0';
    memcpy(text_out + space_size + 1, name, name_size);
    return space_size + 1 + name_size;
}

lode_id
lode_name_id(const char *text, size_t text_size, const uint64_t key[2])
{
    XXH128_hash_t hash = XXH3_128bits_withSeed(text, text_size, key[0]);
    uint64_t high = (hash.high64 & (UINT64_MAX >> 2)) | (uint64_t)LODE_ID_NAME << 62;
    return lode_id_from_words(high, hash.low64);
}
