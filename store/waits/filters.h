/*
 * filters.h: watches of many ids of users' choice at once (WATCH_FILTER). The store does not know
 * the ids: it has a bit for each hash (api/layout/id_filter.h), and tells the session of every
 * decided id whose bit is set. The client looks whether the id is one of its own. So 10^6 ids take
 * 2 MiB, no look into a table, and nothing when the watch ends.
 *
 *   filling --last part--> armed --UNWATCH, or its session ends--> gone
 *                            +--has told `count` times; a decision was lost--> gone, and says LOOK
 *
 * A filter is charged to its session with as many waits as it has ids, and tells that often at
 * most: a client that does not read is sent no more than by as many watches. The client that is
 * told to look does so, and watches anew what is still missing.
 *
 * Only ids of users' choice are watched in this way: what becomes of them never depends on the end
 * of a session, which would have to be told for each id.
 *
 * While there is a filter, all buckets are armed: whoever puts rings the store. A decided id looks
 * into FILTERS_MAX filters at most.
 */
#ifndef LODE_STORE_WAITS_FILTERS_H
#define LODE_STORE_WAITS_FILTERS_H

#include "store/state/store.h"

struct filter;

enum { FILTERS_MAX = 64, FILTERS_OF_SESSION_MAX = 8 };

struct filters {
    struct filter *list[FILTERS_MAX];
    uint32_t count;
};

/*
 * Begins a filter of 2^log2 bits, all 0; the caller has checked both numbers. Errors: LODE_ELIMIT,
 * LODE_ENOMEM.
 */
LODE_MUST_CHECK lode_err filters_begin(struct store *store, struct session *session,
                                       uint64_t cookie, uint32_t count, uint32_t log2);

/*
 * Fills in the bytes from `at` on. The last part arms the filter, and the caller fences then. It
 * tells of nothing that was before it: the client looks at that itself. Errors: LODE_EPROTO: no
 * such filter is being filled, or not from there.
 */
LODE_MUST_CHECK lode_err filters_fill(struct store *store, const struct session *session,
                                      uint64_t cookie, uint64_t at, const void *bytes, size_t size);

/* Takes away the filters of a session with that cookie, or all of a session that ends. */
void filters_unwatch(struct store *store, const struct session *session, uint64_t cookie);
void filters_end_session(struct store *store, const struct session *session);

/* Tells all filters that have the id what was decided of it. */
void filters_tell(struct store *store, lode_id id, uint64_t hash, enum lode_found status,
                  bool is_error);

/* Whether a filter may have the id. */
bool filters_any(const struct store *store, lode_id id, uint64_t hash);

/* A decision was lost: all clients that have a filter are to look themselves. */
void filters_look_at_all(struct store *store);

/* Frees what is left at the store's end. */
void filters_destroy(struct filters *filters);

#endif
