/*
 * drafts.h: objects that are being written: the list of them that each session has, and how one of
 * them ends other than by being sealed.
 */
#ifndef LODE_STORE_OBJECTS_DRAFTS_H
#define LODE_STORE_OBJECTS_DRAFTS_H

#include "store/state/store.h"

/* Gives the memory of a draft back, and tells those who wait for its id: abort. */
void draft_abort(struct store *store, uint32_t entry);

#endif
