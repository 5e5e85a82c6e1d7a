/*
 * strides.h: the strides of drafts. Readers believe the strides in front of an object's data, but
 * the client that writes the draft can write that memory, too. So the store keeps the strides that
 * it checked at CREATE for itself, and writes them in front of the data when the draft is sealed.
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
