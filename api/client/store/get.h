/*
 * get.h: the steps of a get, for the other files of this folder: pin an entry of the index, and
 * show it as a lode_view. The field reserved_ of a view has the session, slot << 32 | entry, and
 * the generation. All three are zero if there is no pin.
 */
#ifndef LODE_CLIENT_GET_H
#define LODE_CLIENT_GET_H

#include "api/client/session/handle.h"
#include "api/client/channel/patience.h"

struct lode_pinned {
    const struct lode_entry *entry;
    uint64_t word;
    uint32_t slot;
};

/*
 * In all of these answer_by says how long the store's answer is waited for, where it must be asked
 * for a pin slot or for a segment. 0: it is not asked, and the error is LODE_EAGAIN instead.
 */

/*
 * Fills a view from a pinned entry, which it owns from then on; on failure the pin is cleared.
 * Errors  of lode_segments_read(); LODE_ECORRUPT; the error that an object of kind error stands for
 */
LODE_MUST_CHECK lode_err lode_view_fill(lode *db, const struct lode_pinned *pinned,
                                        int64_t answer_by, lode_view *view_out);

/*
 * lode_get() within a patience that began before.
 * Errors  of lode_get()
 */
LODE_MUST_CHECK lode_err lode_get_within(lode *db, lode_id id, const struct lode_patience *patience,
                                         lode_view *view_out);

/* Clears a pin and gives its slot back. */
void lode_unpin(lode *db, const struct lode_pinned *pinned);

/*
 * Pins an object that is in the index now.
 * Errors  LODE_EAGAIN (no sentence) it is not; those of taking a slot
 */
LODE_MUST_CHECK lode_err lode_pin(lode *db, lode_id id, uint64_t hash, int64_t answer_by,
                                  struct lode_pinned *pinned_out);

/*
 * Where the bytes of a pinned entry are, and its strides (NULL: it has none). Maps what is not
 * mapped yet, and populates it.
 * Errors  of lode_segments_read(); LODE_ECORRUPT
 */
LODE_MUST_CHECK lode_err lode_view_bytes(lode *db, const struct lode_entry *entry,
                                         int64_t answer_by, const void **data_out,
                                         const void **strides_out);

#endif
