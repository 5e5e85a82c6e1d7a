/* wait.h: lode_wait() within a patience that began before, for calls that are more than a wait. */
#ifndef LODE_CLIENT_WAIT_H
#define LODE_CLIENT_WAIT_H

#include "api/client/channel/patience.h"
#include "api/wire/store_msg.h"

#include <lode/object.h>

/* Arguments and errors: as lode_wait(). */
LODE_MUST_CHECK lode_err lode_wait_within(lode *db, const lode_id *ids, size_t count, size_t want,
                                          const struct lode_patience *patience, bool *ready_out,
                                          size_t *ready_count_out);

/*
 * LODE_ELIMIT: the store has refused to watch an id. The sentence has the limit that was met.
 *
 *   refused  what it told of the id: LODE_FOUND_REFUSED
 */
lode_err lode_fail_refused(const struct lode_msg_ready *refused);

#endif
