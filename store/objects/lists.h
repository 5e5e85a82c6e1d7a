/*
 * lists.h: the two lists of entries that each session has.
 *
 *   own     entries with an id of that session (put or result): from when the store first hears of
 *           the id until the entry is freed or the session ends, so that its end finds them. An
 *           ended session has the list, too, until its end has gone through it, and a second one
 *           (store->ended) while the scheduler still owes results of it.
 *   drafts  unsealed objects that the session writes. A draft is in the list of its maker until it
 *           is sealed or freed.
 */
#ifndef LODE_STORE_OBJECTS_LISTS_H
#define LODE_STORE_OBJECTS_LISTS_H

#include "store/state/store.h"

/* The list that a new entry of that session's ids belongs to; NULL: it has no list any more. */
uint32_t *lists_own(struct store *store, uint64_t number);

void lists_own_link(struct store *store, uint32_t entry, uint32_t *head);

/* Puts `to`, which is in no list, in the place that `from` has in its list, if it is in one. */
void lists_own_replace(struct store *store, uint32_t from, uint32_t to);
void lists_own_unlink(struct store *store, uint32_t entry); /* nothing, if it is in no such list */

void lists_draft_link(struct store *store, uint32_t entry, struct session *session);
void lists_draft_unlink(struct store *store, uint32_t entry); /* nothing, if it is in no list */

#endif
