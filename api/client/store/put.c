#include "api/base/fail.h"
#include "api/client/channel/ring_wait.h"
#include "api/client/session/session.h"
#include "api/client/store/create.h"
#include "api/client/store/put_packet.h"
#include "api/client/store/reserve.h"

/*
 * There are three ways to put. Small bytes under an id of this session's, drawn now or reserved
 * before, go into the ring. Small bytes under an id of the user's, or with references, go into a
 * packet. Large bytes go into a draft.
 */

/* What the object is, and what its record needs. */
static struct lode_ring_need
need_of(const struct lode_spec *spec, struct lode_made *made_out)
{
    lode_spec_made(spec, made_out);
    return (struct lode_ring_need){.size = (uint32_t)sizeof(struct lode_record) +
                                           (uint32_t)sizeof *made_out + made_out->carried,
                                   .pages = lode_made_pages(spec->size, spec->ndim, spec->flags),
                                   .entries = 1};
}

/* LODE_EAGAIN: no credit came in time. */
static lode_err
put_by_ring(lode *db, const struct lode_spec *spec, const void *data,
            const struct lode_patience *patience, int64_t deadline)
{
    struct lode_made made;
    void *body;
    struct lode_ring_need need = need_of(spec, &made);
    struct lode_patience until = *patience;
    until.deadline = deadline;
    LODE_TRY(lode_ring_reserve(&db->ring, LODE_RECORD_PUT, &need, &until, &body));
    if (lode_id_is_reserved(spec->id)) {
        lode_err err = lode_reserved_use_locked(db, spec->id);
        if (err != LODE_OK) {
            lode_ring_cancel(&db->ring);
            return err;
        }
    }
    lode_made_write(body, &made, spec->array.shape, spec->array.strides, data);
    lode_ring_publish(&db->ring, &need, &made.id, 1, sizeof made, false);
    return LODE_OK;
}

/* As a create: a put in a worker that must sleep for room says so. */
static lode_err
put_by_packet(lode *db, const struct lode_spec *spec, const void *data,
              const struct lode_patience *patience)
{
    int64_t timeout_ms = lode_remaining_ms(patience->deadline), answer_by = patience->answer_by;
    if (timeout_ms == 0 || lode_hooks_in(&db->hooks, LODE_HOOKS_WORKER) == NULL) {
        return lode_put_packet(db, spec, data, timeout_ms, answer_by, NULL);
    }
    lode_err err = lode_put_packet(db, spec, data, 0, answer_by, NULL);
    if (err == LODE_EFULL) {
        LODE_TRY(lode_hooks_interrupted(&db->hooks));
        lode_hooks_blocked(&db->hooks, LODE_SLEEPS_FOR_ROOM);
        timeout_ms = lode_remaining_ms(patience->deadline);
        err = lode_put_packet(db, spec, data, timeout_ms, answer_by, NULL);
        lode_hooks_blocked(&db->hooks, LODE_AWAKE);
    }
    return err;
}

static lode_err
put_by_draft(lode *db, const struct lode_spec *spec, const void *data,
             const struct lode_patience *patience)
{
    struct lode_open_draft open;
    LODE_TRY(lode_create_filled(db, spec, data, true, patience, &open));
    return lode_draft_seal(db, &open, lode_patience_anew(patience));
}

/* There was no credit at once. The ring and packets are tried in turn (ring_wait.h). */
static lode_err
put_small_patiently(lode *db, const struct lode_spec *spec, const void *data,
                    const struct lode_patience *patience)
{
    struct lode_ring_wait wait;
    struct lode_made made;
    struct lode_ring_need need = need_of(spec, &made);
    bool by_packet = false;
    lode_err err;
    lode_ring_wait_begin(&wait, &db->ring, &db->hooks, &need, patience->deadline);
    do {
        err = put_by_ring(db, spec, data, patience, wait.until);
        if (err == LODE_EAGAIN) {
            err = lode_put_packet(db, spec, data, 0, lode_patience_anew(patience), NULL);
            by_packet = err == LODE_OK;
        }
    } while ((err == LODE_EFULL || err == LODE_ELIMIT) && lode_ring_wait_again(&wait));
    lode_ring_wait_end(&wait, by_packet);
    return wait.err != LODE_OK ? wait.err : err;
}

static lode_err
put_small(lode *db, const struct lode_spec *spec, const void *data,
          const struct lode_patience *patience)
{
    lode_err err = put_by_ring(db, spec, data, patience, 0);
    return err == LODE_EAGAIN ? put_small_patiently(db, spec, data, patience) : err;
}

static lode_err
put(lode *db, struct lode_spec *spec, const void *data, int64_t timeout_ms, lode_id *id_out)
{
    struct lode_patience patience = lode_patience_of(timeout_ms);
    bool own_id = lode_id_none(spec->id);
    if (own_id && id_out == NULL) {
        return lode_fail_with(LODE_EINVAL, "id_out of a put under a new id is NULL: nobody could "
                                           "drop the object");
    }
    if (data == NULL && spec->size > 0) {
        return lode_fail_with(LODE_EINVAL, "there are %llu bytes to put, and data is NULL",
                              (unsigned long long)spec->size);
    }
    if (own_id) {
        spec->id = lode_session_draw(db, LODE_ID_PUT, 1);
    }
    bool by_ring = lode_id_kind(spec->id) == LODE_ID_PUT && spec->hold_count == 0;
    LODE_TRY(spec->size > LODE_RING_PUT_MAX ? put_by_draft(db, spec, data, &patience)
             : by_ring                      ? put_small(db, spec, data, &patience)
                                            : put_by_packet(db, spec, data, &patience));
    lode_note_made(db, spec->id);
    if (id_out != NULL) {
        *id_out = spec->id;
    }
    return LODE_OK;
}

lode_err
lode_put(lode *db, const void *data, size_t size_bytes, int64_t timeout_ms, lode_id *id_out)
{
    return lode_put_with(db, data, size_bytes, NULL, timeout_ms, id_out);
}

lode_err
lode_put_array(lode *db, const lode_array *array, const void *data, int64_t timeout_ms,
               lode_id *id_out)
{
    struct lode_spec spec;
    LODE_TRY(lode_session_check(db));
    LODE_TRY(lode_spec_array(array, &spec));
    return put(db, &spec, data, timeout_ms, id_out);
}

lode_err
lode_put_with(lode *db, const void *data, size_t size_bytes, const lode_create_options *options,
              int64_t timeout_ms, lode_id *id_out)
{
    struct lode_spec spec;
    LODE_TRY(lode_session_check(db));
    LODE_TRY(lode_spec_make(db, size_bytes, options, &spec));
    return put(db, &spec, data, timeout_ms, id_out);
}
