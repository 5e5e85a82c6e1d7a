#include "api/layout/id.h"

#include "api/base/fail.h"

#include <sys/random.h>

bool
lode_id_is_zero(lode_id id)
{
    return lode_id_none(id);
}

bool
lode_id_equal(lode_id a, lode_id b)
{
    return lode_id_same(a, b);
}

void
lode_id_format(lode_id id, char text_out[LODE_ID_TEXT_SIZE])
{
    static const char digits[] = "0123456789abcdef";
    for (size_t i = 0; i < sizeof id.byte; i++) {
        text_out[2 * i] = digits[id.byte[i] >> 4];
        text_out[2 * i + 1] = digits[id.byte[i] & 15];
    }
    text_out[LODE_ID_TEXT_SIZE - 1] = '\0';
}

static int
digit_of(char c)
{
    return c >= '0' && c <= '9'   ? c - '0'
           : c >= 'a' && c <= 'f' ? c - 'a' + 10
           : c >= 'A' && c <= 'F' ? c - 'A' + 10
                                  : -1;
}

lode_err
lode_id_parse(const char *text, lode_id *id_out)
{
    lode_id id;
    LODE_NEED("lode_id_parse", id_out);
    if (text == NULL || strnlen(text, LODE_ID_TEXT_SIZE) != LODE_ID_TEXT_SIZE - 1) {
        return lode_fail_with(LODE_EINVAL, "'%.64s' is no id: it takes 32 hex digits",
                              text != NULL ? text : "(null)");
    }
    for (size_t i = 0; i < sizeof id.byte; i++) {
        int high = digit_of(text[2 * i]), low = digit_of(text[2 * i + 1]);
        if (high < 0 || low < 0) {
            return lode_fail_with(LODE_EINVAL, "'%s' is no id: '%c' is no hex digit", text,
                                  text[high < 0 ? 2 * i : 2 * i + 1]);
        }
        id.byte[i] = (uint8_t)(high << 4 | low);
    }
    *id_out = id;
    return LODE_OK;
}

lode_err
lode_id_random(lode_id *id_out)
{
    uint64_t word[2];
    LODE_NEED("lode_id_random", id_out);
    if (getrandom(word, sizeof word, 0) != (ssize_t)sizeof word) {
        return lode_fail_errno("cannot draw random bytes");
    }
    word[0] = (word[0] & (UINT64_MAX >> 2)) | (uint64_t)LODE_ID_USER << 62;
    *id_out = lode_id_from_words(word[0], word[1]);
    return LODE_OK;
}
