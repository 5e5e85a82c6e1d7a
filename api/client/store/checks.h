/*
 * checks.h: asking the store about many ids at once, which of them a get would not wait for
 * (CHECK). Nothing is armed. Ids that follow each other, as those of a session's tasks or of
 * lode_reserve(), go as one row.
 */
#ifndef LODE_CLIENT_CHECKS_H
#define LODE_CLIENT_CHECKS_H

#include "api/client/store/rows.h"

#include <stddef.h>
#include <stdint.h>

struct lode_checks;

/*
 *   ids      the caller's, until lode_checks_end()
 *   found    is called for the places in `ids` of those for which a get would not wait
 *   drain    the store first drains all rings: what was put before counts
 *
 * Errors  LODE_ENOMEM
 */
typedef void (*lode_checks_fn)(void *arg, size_t at);
LODE_MUST_CHECK lode_err lode_checks_begin(lode *db, const lode_id *ids, bool drain,
                                           int64_t answer_by, lode_checks_fn found, void *arg,
                                           struct lode_checks **checks_out);

/* Has the id at that place asked about, now or with others later. Errors: those of a question. */
LODE_MUST_CHECK lode_err lode_checks_add(struct lode_checks *checks, size_t at);

/* Asks about a whole row at once, now. */
LODE_MUST_CHECK lode_err lode_checks_row(struct lode_checks *checks, const struct lode_row *row);

/* Asks about `count` ids from `first` on, now, and calls `found` with those of them. */
typedef void (*lode_checks_id_fn)(void *arg, lode_id id);
LODE_MUST_CHECK lode_err lode_checks_span(struct lode_checks *checks, lode_id first, uint32_t count,
                                          lode_checks_id_fn found, void *arg);

/* Asks about all that is left. After it, rings were drained even if there was nothing to ask. */
LODE_MUST_CHECK lode_err lode_checks_flush(struct lode_checks *checks);

void lode_checks_end(struct lode_checks *checks);

#endif
