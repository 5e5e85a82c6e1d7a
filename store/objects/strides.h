/*
 * strides.h: the strides of drafts, kept by the store from CREATE to seal: the client writes the
 * memory in which they will lie, so the store writes them there last.
 */
#ifndef LODE_STORE_OBJECTS_STRIDES_H
#define LODE_STORE_OBJECTS_STRIDES_H

#include "store/table/object.h"

struct strided; /* the notes of all drafts; NULL: none */

/* Errors: LODE_ENOMEM. */
LODE_MUST_CHECK lode_err strides_note(struct strided **notes, uint32_t entry,
                                      const int64_t strides[LODE_MAX_NDIM]);

/* At seal: writes them in front of the object's data, and forgets them. */
void strides_write(struct strided **notes, struct table *table, uint32_t entry);

void strides_forget(struct strided **notes, uint32_t entry);

#endif
