/*
 * size.h: sizes as people write and read them. Units are powers of 1,024: 4G = 4GiB =
 * 4,294,967,296.
 */
#ifndef LODE_TOOLS_SIZE_H
#define LODE_TOOLS_SIZE_H

#include <lode/error.h>

enum { SIZE_TEXT_MAX = 24 };

/*
 * Reads "4096", "512M", "1.5G", "2 GiB"; upper or lower case, with or without "B" or "iB".
 * Errors: LODE_EINVAL with a sentence: not a size, negative, or too large for 64 bits.
 */
LODE_MUST_CHECK lode_err size_parse(const char *text, uint64_t *bytes_out);

/* Writes "840.0 MiB", "512 B". Returns text_out, for use in a printf. */
const char *size_format(uint64_t bytes, char text_out[SIZE_TEXT_MAX]);

#endif
