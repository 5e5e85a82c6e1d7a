/*
 * filters.h: watches of many ids in no order at once (WATCH_FILTER). The store does not know
 * the ids: it has a bit for each hash (api/layout/id_filter.h), and tells the session of every
 * decided id whose bit is set. The client looks whether the id is one of its own. So 10^6 ids take
 * 2 MiB, no look into a table, and nothing when the watch ends.
 *
 *   filling --last part--> armed --UNWATCH, or its session ends--> gone
 *                            +--its client does not read--> gone, and says STARVED
 *
 * A filter tells until it is taken away: nothing that is decided while it is armed is lost. A
 * client that keeps up reads what others' ids bring, too. For one that does not, the filter is
 * charged to its session with as many waits as it has ids, until it ends, however many of them
 * were told. So many notices it may always have unread, as by so many watches. Beyond, all that is
 * unread of its session (outbox.h) may take FILTERS_UNREAD_MAX. Then the filter goes, and says so:
 * the client can't be told what it has missed. What became of promised ids it can ask, and waits
 * anew. A wait with ids of users' choice fails.
 *
 * A filter is as large as id_filter.h says for its ids, and has no more bits set than ids and rows.
 * So at most one of sixteen ids of others is told to it, unless its session knew them.
 *
 * A filter of ids of users' choice alone arms no bucket: these are never put by a record in a ring,
 * so whoever puts one need not ring the store for the sake of the filter. And what becomes of them
 * never depends on the end of a session.
 *
 * A filter of promised ids, too (results, reserved ids), has all buckets armed from its first part
 * on: whoever puts rings the store. When a session ends whose row it has, the store can't list the
 * ids that will not come. It says LOOK, and the client asks about its own.
 *
 * A decided id looks into FILTERS_MAX filters at most. One that is begun and never filled holds its
 * place until its session ends; then others' ids are watched one by one.
 */
#ifndef LODE_STORE_WAITS_FILTERS_H
#define LODE_STORE_WAITS_FILTERS_H

#include "store/state/store.h"

struct filter;

enum { FILTERS_MAX = 64, FILTERS_OF_SESSION_MAX = 8, FILTERS_UNREAD_MAX = 7 << 20 };

struct filters {
    struct filter *list[FILTERS_MAX];
    uint32_t count;
};

/* Begins a filter; the caller has checked its count and size. Errors: LODE_ELIMIT, LODE_ENOMEM. */
LODE_MUST_CHECK lode_err filters_begin(struct store *store, struct session *session,
                                       const struct lode_msg_watch_filter *msg);

/*
 * Fills in the bytes from `at` on. The last part arms the filter; the caller fences then. It tells
 * of nothing that was before it: the client looks at that itself. Errors: LODE_EPROTO: no such
 * filter is being filled, or not from there, or it has more bits set than ids and rows.
 */
LODE_MUST_CHECK lode_err filters_fill(const struct store *store, const struct session *session,
                                      uint64_t cookie, uint64_t at, const void *bytes, size_t size);

/* Takes away the filters of a session with that cookie, or all of a session that ends. */
void filters_unwatch(struct store *store, const struct session *session, uint64_t cookie);
void filters_end_session(struct store *store, const struct session *session);

/* Tells all filters what was decided of their ids (objects/decided.h). */
void filters_tell_decided(struct store *store);

/* A session of that row has ended, or is settled: filters that may have ids of it are to look. */
void filters_look_at_row(struct store *store, uint64_t session);

/* Whether a filter may have the id. */
bool filters_any(const struct store *store, lode_id id, uint64_t hash);

/* A decision was lost: all clients that have a filter are to look themselves. It stays armed. */
void filters_look_at_all(struct store *store);

/* Frees what is left at the store's end. */
void filters_destroy(struct filters *filters);

#endif
