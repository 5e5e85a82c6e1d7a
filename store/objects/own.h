/*
 * own.h: the life of an entry, as far as it follows from its id alone: the session in the id refers
 * to it from birth. All entries become objects, and end, through these functions.
 */
#ifndef LODE_STORE_OBJECTS_OWN_H
#define LODE_STORE_OBJECTS_OWN_H

#include "store/state/store.h"

/*
 * A new entry, of an id that may be a session's: links it in that session's own list. A promised id
 * (result or reserved) is referenced by its session from now on, whether the entry is EXPECTED or an
 * object. Any other put is referenced when it arrives: if it was freed before, and somebody refers to
 * it only now, its EXPECTED entry must not stay for ever.
 */
void own_born(struct store *store, uint32_t entry, lode_id id);

/* The entry becomes an object now, EXPECTED before or not. */
void own_arrived(struct store *store, uint32_t entry, lode_id id);

/* Makes an EXPECTED entry for an id that is not there. Errors: LODE_ELIMIT, LODE_EFULL. */
LODE_MUST_CHECK lode_err own_expect(struct store *store, lode_id id, uint32_t *entry_out);

/* The entry was sealed just now: that is decided, and if nobody refers to it, it may be freed. */
void own_sealed(struct store *store, uint32_t entry);

/* Frees an entry, whatever list it is in; see object_free(). */
void own_free(struct store *store, uint32_t entry, enum lode_entry_state from);

/* Frees an EXPECTED entry that remembers nothing any more. */
void own_forget_expected(struct store *store, uint32_t entry);

#endif
