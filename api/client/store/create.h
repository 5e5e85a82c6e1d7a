/*
 * create.h: what an object shall be, checked, before it is created or put.
 */
#ifndef LODE_CLIENT_CREATE_H
#define LODE_CLIENT_CREATE_H

#include "api/client/session/handle.h"
#include "api/client/channel/patience.h"

struct lode_spec {
    lode_id id;    /* zero: none yet */
    uint64_t size; /* of the data */
    lode_kind kind;
    lode_object_class object_class;
    lode_array array; /* kind array */
    uint8_t ndim;
    uint8_t flags; /* LODE_ENTRY_STRIDED */
    const lode_id *holds;
    uint32_t hold_count;
};

/*
 * From the arguments of a public call. size_bytes with an array: 0 or exactly its size.
 * Errors  LODE_EINVAL
 */
LODE_MUST_CHECK lode_err lode_spec_make(const lode *db, size_t size_bytes,
                                        const lode_create_options *options,
                                        struct lode_spec *spec_out);
LODE_MUST_CHECK lode_err lode_spec_array(const lode_array *array, struct lode_spec *spec_out);

/* The packet that creates or puts it; `type` is CREATE or PUT. */
void lode_spec_packet(const struct lode_spec *spec, enum lode_store_msg type, int64_t timeout_ms,
                      struct lode_msg_create *packet_out);

/* What a ring record says of it. */
void lode_spec_made(const struct lode_spec *spec, struct lode_made *made_out);

/*
 * A draft with the data in it, and closed: to be sealed, by lode_draft_seal() or a commit. No other
 * thread could write it at any time, where the processor has keys for that (segments.h).
 *
 *   spec  its id may be zero for a nameless one (`named` false)
 *
 * Errors  as lode_create(); LODE_ENOMEM its pages cannot be closed. It is aborted then.
 */
LODE_MUST_CHECK lode_err lode_create_filled(lode *db, const struct lode_spec *spec,
                                            const void *data, bool named,
                                            const struct lode_patience *patience,
                                            struct lode_open_draft *open_out);

/*
 * A draft without a name, for a result: lode_ring_commit() will name it, or lode_abort() ends it.
 *
 *   array  NULL: `size_bytes` of kind `kind` (blob, Python, error)
 *
 * Blocking, errors  as lode_create(); but a result must not fail because the store was stopped for
 *                   a while, so its answers are waited for as long as it lives
 */
LODE_MUST_CHECK lode_err lode_result_draft(lode *db, const lode_array *array, size_t size_bytes,
                                           lode_kind kind, int64_t timeout_ms,
                                           lode_draft *draft_out);

/*
 * Takes an open draft out of the books and closes its pages; the draft is zeroed in any case.
 * Errors: LODE_EINVAL it is not open; LODE_ENOMEM its pages cannot be closed: it is aborted, and
 * open_out says which one it was.
 */
LODE_MUST_CHECK lode_err lode_draft_close(lode *db, lode_draft *draft,
                                          struct lode_open_draft *open_out);

/*
 * Seals what lode_draft_close() gave. LODE_ETIMEDOUT: the store has not answered until then. If it
 * could not even be asked, the draft is aborted. Otherwise the object may be sealed yet, and the
 * reference to it is dropped then.
 */
LODE_MUST_CHECK lode_err lode_draft_seal(lode *db, const struct lode_open_draft *open,
                                         int64_t answer_by);

/* Tells the hooks of the reference from a put or seal; that to a reserved id was told before. */
static inline void
lode_note_made(const lode *db, lode_id id)
{
    if (!lode_id_is_reserved(id)) {
        lode_hooks_referenced(&db->hooks, id, 1);
    }
}

/* Waits until answer_by at most: a store that is stopped is told later. */
void lode_draft_abort(lode *db, const struct lode_open_draft *open, int64_t answer_by);

#endif
