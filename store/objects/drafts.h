/*
 * drafts.h: what becomes of the id of an object that is being written: a commit gives a nameless
 * draft its id, and a draft that will not be sealed leaves its id.
 */
#ifndef LODE_STORE_OBJECTS_DRAFTS_H
#define LODE_STORE_OBJECTS_DRAFTS_H

#include "store/state/store.h"

/* Gives a nameless draft its id. An EXPECTED entry of that id hands its references to the draft. */
void draft_name(struct store *store, uint32_t draft, lode_id id);

/*
 * The draft will not be sealed, and from now on its id does not lead to it. What others remembered
 * of the id goes to an EXPECTED entry. If it is a result that nobody makes any more, that is
 * decided().
 */
void draft_leave_id(struct store *store, uint32_t draft);

/* Aborts: draft_leave_id(), gives its memory back, and has clients told that wait for its id. */
void draft_abort(struct store *store, uint32_t entry);

#endif
