/*
 * create_entry.h: the entry that a CREATE or PUT makes, with all that refers to it: the list of its
 * session's drafts, its references, and the objects that it holds.
 */
#ifndef LODE_STORE_REQUESTS_CREATE_ENTRY_H
#define LODE_STORE_REQUESTS_CREATE_ENTRY_H

#include "store/requests/create_request.h"

/*
 * An entry in state CREATED for the request, with all that refers to it; nobody is told of it yet.
 * Errors: those of the table and of what it is to hold; then the extent is free again.
 */
LODE_MUST_CHECK lode_err create_entry(struct store *store, const struct create *create,
                                      uint64_t extent, uint32_t *entry_out);

/* Writes a PUT's bytes into its entry. */
void create_write(struct store *store, const struct create *create, uint32_t entry);

/* Seals the entry. */
void create_seal(struct store *store, uint32_t entry);

#endif
