/*
 * ranges.h: watches of ids in a row (WATCH_ROW): one range for up to LODE_STORE_ROW_MAX of them. A
 * range is in the list of the row that the ids' session has, so a decided id finds the ranges that
 * may have it. There are RANGES_OF_ROW_MAX of these at most, whoever they belong to.
 *
 * While there is a range, all buckets are armed: whoever puts rings the store.
 *
 *   armed --UNWATCH, or its session ends--> gone
 *
 * A range has a bit for each id that was told, so each is told once. Its session is charged with
 * all of its ids (LODE_SESSION_WAITS_MAX) until the range ends, however many of them were told; a
 * watch of one id is charged until that is told.
 */
#ifndef LODE_STORE_WAITS_RANGES_H
#define LODE_STORE_WAITS_RANGES_H

#include "store/state/store.h"

enum {
    RANGES_OF_SESSION_MAX = 16, /* what a session watches */
    RANGES_OF_ROW_MAX = 64      /* over ids of the sessions of one row */
};

/* The i-th id is lode_id_plus(first, i * step). */
struct id_row {
    lode_id first;
    uint32_t count, step; /* not 0 */
};

/*
 * Arms a range. The caller fences then. It tells of nothing that was before it: the client asks
 * about that with CHECK. Errors: LODE_ELIMIT, LODE_ENOMEM.
 */
LODE_MUST_CHECK lode_err ranges_arm(struct store *store, struct session *session,
                                    const struct id_row *ids, uint64_t cookie);

/* Takes away the ranges of a session with that cookie, or all of a session that ends. */
void ranges_unwatch(struct store *store, struct session *session, uint64_t cookie);
void ranges_end_session(struct store *store, struct session *session);

/* Tells all ranges that have the id what was decided of it. */
void ranges_tell(struct store *store, lode_id id, enum lode_found status, bool is_error);

/* Whether a range has the id, and was not told of it. */
bool ranges_any(const struct store *store, lode_id id);

/*
 * Looks at each id that was not told, in parts: of the ranges over ids of the sessions of one row,
 * or of all. If such a walk is under way, it begins anew. The first part for one row is done at
 * once: the packet that is handled next may be an UNWATCH, which ends the range.
 */
void ranges_look_at_row(struct store *store, uint64_t session);
void ranges_look_at_all(struct store *store);

/* Frees what is left at the store's end. */
void ranges_destroy(struct waits *waits);

#endif
