/*
 * pairs.h: a reference that is taken and soon dropped again. A call takes references of its own to
 * its arguments, and the program that made one of them for this call drops its own right after:
 *
 *     TAKE a  TAKE b  DROP a  DROP b      as they lie in the ring: nothing has changed
 *
 * What lies between a TAKE and its DROP are only other TAKEs and DROPs. So leaving out both has the
 * effect of applying both: a reference more and less of the same session, and nothing that could
 * look at it meanwhile. Each costs the lookup of an id otherwise.
 *
 * Two cases are different, and everything is applied then:
 *   a batch of freeing is under way   a reference that comes spares a DOOMED object, also if it
 *                                     goes again (S13 in HAZARDS.md)
 *   the session has lost references   the DROP may be the one that ends a lost one (lost.h)
 *
 * A pair is found when its TAKE is to be applied. The DROP is then known by its place, and is not
 * read again: what the client writes there later changes nothing.
 *
 * Threads: the loop thread. Blocking: never.
 */
#ifndef LODE_STORE_RINGS_PAIRS_H
#define LODE_STORE_RINGS_PAIRS_H

#include "store/state/store.h"

enum {
    PAIRS_RECORD = sizeof(struct lode_record) + sizeof(lode_id), /* bytes of a TAKE or a DROP */
    PAIRS_FAR = 8 /* records behind a TAKE among which its DROP is looked for */
};

struct pairs {
    const struct session *session;
    bool off;      /* everything is applied */
    uint64_t skip; /* bit n: the record n * LODE_RECORD_ALIGN bytes behind `at` is left out */
    uint64_t at;   /* in the ring */
};

/* For one drain of the session's ring from `head` on. */
void pairs_begin(struct pairs *pairs, const struct store *store, const struct session *session,
                 uint64_t head);

/*
 * True if the record at `head` is of a pair, and is to be left out: it is PAIRS_RECORD bytes long,
 * and lies in front of `tail`.
 */
bool pairs_skip(struct pairs *pairs, uint64_t head, uint64_t tail);

#endif
