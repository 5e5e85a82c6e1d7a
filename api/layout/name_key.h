/*
 * name_key.h: the index key of a name, computed alike by the store and by every client.
 *
 * The text of a name is "namespace, 0, name". Its hash is the id of the name's entry, which stores
 * the text, so that a reader can tell two names of one hash apart. The entry's `size` is the size
 * of the text. A text of up to LODE_INLINE_MAX bytes lies in the entry, a longer one in the entry's
 * extent. `binding` says which object it stands for. The default namespace is the empty one.
 * (Calls that a program makes: <lode/object.h>. Entries, and what they are bound to:
 * store/table/names.h.)
 */
#ifndef LODE_LAYOUT_NAME_KEY_H
#define LODE_LAYOUT_NAME_KEY_H

#include "api/layout/id.h"

enum {
    LODE_NAME_BYTES_MAX = 255, /* of a name, and of a namespace, without a final zero */
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
