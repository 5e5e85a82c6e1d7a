/*
 * own.h: what follows from the id of an entry alone: the session in the id refers to the entry from
 * birth, and keeps it in its list of own entries. Every entry becomes an object, and is freed,
 * through these functions, so that neither is forgotten.
 */
#ifndef LODE_STORE_OBJECTS_OWN_H
#define LODE_STORE_OBJECTS_OWN_H

#include "store/state/store.h"

/*
 * A new entry. If its id has a session, the entry is linked in that session's list of own entries.
 *
 * The session refers to a promised id (a result, or a reserved id) from now on, whether the entry
 * is EXPECTED or an object. It refers to any other put only when the object arrives. Such a put may
 * have been freed already when another session refers to its id. A reference from birth would then
 * keep an EXPECTED entry for an object that never comes.
 */
void own_born(struct store *store, uint32_t entry, lode_id id);

/* The entry becomes an object now, EXPECTED before or not. */
void own_arrived(struct store *store, uint32_t entry, lode_id id);

/* Makes an EXPECTED entry for an id that is not there. Errors: LODE_ELIMIT, LODE_EFULL. */
LODE_MUST_CHECK lode_err own_expect(struct store *store, lode_id id, uint32_t *entry_out);

/* The entry was sealed just now: appends the decision. Without a reference it may be freed. */
void own_sealed(struct store *store, uint32_t entry);

/* Frees an entry, whatever list it is in; see object_free(). */
void own_free(struct store *store, uint32_t entry, enum lode_entry_state from);

/* Frees an EXPECTED entry that remembers nothing any more. */
void own_forget_expected(struct store *store, uint32_t entry);

#endif
