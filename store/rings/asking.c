#include "store/rings/asking.h"

#include "api/base/clock.h"
#include "api/base/fail.h"
#include "store/objects/status.h"
#include "store/rings/ring.h"
#include "store/state/doze.h"
#include "store/table/refs.h"
#include "store/waits/waits.h"

enum lode_found
asking_status(struct store *store, lode_id id, uint32_t *entry_out)
{
    uint32_t entry = 0;
    enum lode_found status = status_of(store, id, &entry);
    if (status == LODE_FOUND_SEALED) {
        candidate_spare(&store->table, entry);
        if (entry_out != NULL) {
            *entry_out = entry;
        }
        return status;
    }
    if (lode_id_kind(id) == LODE_ID_PUT) {
        struct session *maker = store_session(store, lode_id_session(id));
        if (maker != NULL) {
            ring_drain(store, maker);
        }
    } else if (lode_id_kind(id) == LODE_ID_RESULT) {
        ring_drain_makers(store);
    }
    return status_of(store, id, entry_out);
}

lode_err
asking_refuse(lode_id id, enum lode_found status)
{
    bool is_promised = lode_id_kind(id) == LODE_ID_RESULT || lode_id_is_reserved(id);
    return status == LODE_FOUND_PENDING && is_promised
               ? lode_fail_with(LODE_EAGAIN, "the object is not there yet: wait for it first")
               : lode_fail_with(LODE_EGONE, "there is no such object");
}

/*
 * Drains the rings of sessions that have just become streams. A client may have put an object just
 * before that, and not rung for it. The client that waits for the object has read that the session
 * is a stream, and relies on being woken.
 */
static void
catch_up_with_streams(struct store *store)
{
    if (!store->stream_began) {
        return;
    }
    store->stream_began = false;
    atomic_thread_fence(memory_order_seq_cst);
    doze_hear(store);
    for (uint32_t i = 0; i < store->awake_count; i++) {
        if (store->awake[i]->is_stream) {
            ring_drain(store, store->awake[i]);
        }
    }
}

enum { ASKED_AT_ONCE = 16 }; /* between looks at the clock: each may drain rings */

static void
ask_one(struct store *store)
{
    struct wait_key key;
    uint32_t entry = 0;
    if (!waits_next_unasked(store, &key)) {
        return;
    }
    /* index.h [4]: a putter that did not see `waited` has published its record by now. */
    atomic_thread_fence(memory_order_seq_cst);
    enum lode_found status = asking_status(store, key.id, &entry);
    if (status != LODE_FOUND_PENDING) {
        bool is_error =
            status == LODE_FOUND_SEALED && store->table.entries[entry].kind == LODE_KIND_ERROR;
        waits_tell_one(store, key.session, key.id, key.cookie, status, is_error);
    }
}

void
asking_waits(struct store *store)
{
    uint32_t count = waits_unasked(store);
    if (count > 0) {
        catch_up_with_streams(store);
    }
    int64_t end = count > 0 ? store_turn_end(store) : 0;
    while (count-- > 0) {
        ask_one(store);
        if (count % ASKED_AT_ONCE == 0 && lode_now_ns() >= end) {
            break; /* the loop does not sleep while there are more */
        }
    }
}
