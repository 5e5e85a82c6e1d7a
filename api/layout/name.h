/*
 * name.h: the index key of a name, computed alike by the store and by every client.
 *
 * A name's text is "namespace, 0, name": what is hashed, stored in the name's entry and compared.
 * The entry's `size` is the text's; up to LODE_INLINE_MAX bytes lie in the entry, longer texts at
 * its extent. `target` is the object's entry number + 1. The default namespace is the empty one.
 */
#ifndef LODE_LAYOUT_NAME_H
#define LODE_LAYOUT_NAME_H

#include "api/layout/id.h"

enum {
    LODE_NAME_BYTES_MAX = 255, /* of a name, and of a namespace; without a closing zero */
    LODE_NAME_TEXT_MAX = 2 * LODE_NAME_BYTES_MAX + 1
};

/*
 * Checks a name (or, with `what` "namespace", a namespace, which may be empty): at most 255 bytes
 * of UTF-8 without '/' and without zero bytes.
 *
 * Errors  LODE_EINVAL  with the reason
 */
LODE_MUST_CHECK lode_err lode_name_check(const char *what, const void *text, size_t size,
                                         bool may_be_empty);

/* Writes the text of a name; returns its size. Both parts must have passed lode_name_check(). */
size_t lode_name_text(const void *space, size_t space_size, const void *name, size_t name_size,
                      char text_out[LODE_NAME_TEXT_MAX]);

/* The id of the name with that text; `key` is hash_key of the index header. */
lode_id lode_name_id(const char *text, size_t text_size, const uint64_t key[2]);

#endif
