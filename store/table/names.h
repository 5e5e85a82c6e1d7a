/*
 * names.h: the entries of names (api/layout/name_key.h). A name is bound to one object, and holds a
 * reference to it.
 *
 * A name's entry is SEALED while the name exists. To rebind a name is one atomic write of its
 * `binding`: a reader sees the old object with its version, or the new one with its own.
 */
#ifndef LODE_STORE_TABLE_NAMES_H
#define LODE_STORE_TABLE_NAMES_H

#include "api/layout/name_key.h"
#include "store/table/object.h"

struct name_text {
    char text[LODE_NAME_TEXT_MAX]; /* namespace, 0, name */
    size_t size, space_size;
    lode_id id;
};

/* Checks both parts and computes text and id. Errors: LODE_EINVAL. */
LODE_MUST_CHECK lode_err name_make_text(const struct table *table, const void *space,
                                        size_t space_size, const void *name, size_t name_size,
                                        struct name_text *text_out);

/* The name's entry, or LODE_ENOTFOUND. LODE_EEXIST: another name has the same hash. */
LODE_MUST_CHECK lode_err name_find(const struct table *table, const struct name_text *text,
                                   uint32_t *name_out);

/*
 * Binds a name to a sealed object. A name that exists is bound anew only with `replace`; its old
 * object loses the name's reference. The version of the name is one more than before. A new name
 * begins above the versions of all names that have ended.
 *
 *   name_out  the name's entry
 *   new_out   true: the name is new, and clients that wait for it must be told
 *
 * Errors  LODE_EEXIST, LODE_EFULL, LODE_ELIMIT, LODE_ENOMEM
 */
LODE_MUST_CHECK lode_err name_bind(struct table *table, const struct name_text *text,
                                   uint32_t object, bool replace, uint32_t *name_out,
                                   bool *new_out);

/* Ends a name. Its entry goes like a deleted object: when no reader has it pinned. */
void name_unbind(struct table *table, uint32_t name);

/*
 * Ends the names of an object, a part with each call, which looks at `most` of all names. `*left`
 * begins as UINT32_MAX. True: the object has no name any more.
 */
bool names_forget_part(struct table *table, uint32_t object, uint32_t *left, uint32_t most);

/* True for the entry of a name that exists. It has no reference, and yet must not be freed. */
bool name_is_bound(const struct table *table, uint32_t entry);

/* index.h [7]: whether each change of a name's binding is told. */
bool name_is_told(const struct table *table, uint32_t name);
void name_set_told(struct table *table, uint32_t name, bool is_told);

/* The object of a name, and its text (`size` of the entry bytes). */
uint32_t name_object(const struct table *table, uint32_t name);
const char *name_text_of(const struct table *table, uint32_t name, size_t *size_out);

#endif
