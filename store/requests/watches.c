#include "store/requests/watches.h"

#include "api/base/fail.h"
#include "store/objects/status.h"
#include "store/requests/ids.h"
#include "store/requests/slow.h"
#include "store/rings/asking.h"
#include "store/rings/ring.h"
#include "store/state/answers.h"
#include "store/waits/notices.h"
#include "store/waits/waits.h"

/* ---- WATCH ---- */

static void
tell_if_decided(struct store *store, struct session *session, lode_id id, uint64_t cookie,
                enum lode_found status, uint32_t entry)
{
    if (status != LODE_FOUND_PENDING) {
        waits_tell_one(store, session, id, cookie, status,
                       status == LODE_FOUND_SEALED &&
                           store->table.entries[entry].kind == LODE_KIND_ERROR);
    }
}

/*
 * Arms the watches first: one fence, and at most one drain of the rings that can hold results,
 * serve them all. A putter publishes its tail, fences and reads `waited`: so either it sees
 * `waited` and rings, or the drain sees its record.
 */
static void
watch(struct store *store, struct session *session, uint64_t cookie, const void *ids,
      uint32_t count)
{
    bool results = false;
    for (uint32_t i = 0; i < count; i++) {
        lode_id id = ids_at(ids, i);
        lode_err err = waits_arm(store, session, id, cookie, true);
        if (err != LODE_OK) {
            notices_add(store, session, id, cookie,
                        err == LODE_ENOMEM ? LODE_FOUND_STARVED : LODE_FOUND_REFUSED, false);
        }
    }
    atomic_thread_fence(memory_order_seq_cst);
    for (uint32_t i = 0; i < count; i++) {
        lode_id id = ids_at(ids, i);
        uint32_t entry = 0;
        bool by_result = lode_id_kind(id) == LODE_ID_RESULT;
        enum lode_found status =
            by_result && results ? status_of(store, id, &entry) : asking_status(store, id, &entry);
        results |= by_result && status != LODE_FOUND_SEALED;
        tell_if_decided(store, session, id, cookie, status, entry);
    }
}

static bool
watch_part(struct store *store, struct chore *chore)
{
    struct session *session = slow_session(chore);
    struct slow_packet *slow = &session->slow;
    uint32_t left = slow->msg.count - slow->next;
    uint32_t count = left < WATCHES_AT_ONCE ? left : WATCHES_AT_ONCE;
    if (!slow_is_over(session)) {
        watch(store, session, slow->msg.cookie, slow->ids + slow->next, count);
        slow->next += count;
        if (slow->next < slow->msg.count) {
            return false;
        }
        session_ok(session, slow->msg.head.tag);
    }
    return slow_end(session);
}

lode_err
handle_watch(struct store *store, struct session *session, const void *packet, const uint8_t *rest,
             size_t rest_size)
{
    const struct lode_msg_watch *msg = packet;
    LODE_TRY(ids_check(msg->count, rest_size));
    if (msg->count > WATCHES_AT_ONCE &&
        slow_put_off(store, session, rest, msg->count, watch_part)) {
        session->slow.msg = *msg;
        session->slow.next = WATCHES_AT_ONCE;
        watch(store, session, msg->cookie, rest, WATCHES_AT_ONCE);
        return LODE_OK;
    }
    watch(store, session, msg->cookie, rest, msg->count);
    session_ok(session, msg->head.tag);
    return LODE_OK;
}

/* ---- UNWATCH ---- */

static void
answer_unwatch(struct session *session, uint32_t tag)
{
    notices_send(session); /* none follows the OK */
    session_ok(session, tag);
}

/* True: that was all, and it is answered. */
static bool
unwatch_all_part(struct store *store, struct session *session, const struct lode_msg_watch *msg)
{
    if (!waits_unwatch_part(store, session, msg->cookie)) {
        return false;
    }
    answer_unwatch(session, msg->head.tag);
    return true;
}

static bool
begin_unwatch(struct store *store, struct session *session, const struct lode_msg_watch *msg,
              const void *ids)
{
    for (uint32_t i = 0; i < msg->count; i++) {
        waits_unwatch_id(store, session, ids_at(ids, i), msg->cookie);
    }
    session->unwatch_next = msg->count == 0 ? session->wait_first : 0;
    return unwatch_all_part(store, session, msg);
}

static bool
unwatch_part(struct store *store, struct chore *chore)
{
    struct session *session = slow_session(chore);
    struct slow_packet *slow = &session->slow;
    if (slow_is_over(session)) {
        session->unwatch_next = 0;
        return slow_end(session);
    }
    if (slow->ids == NULL) {
        return unwatch_all_part(store, session, &slow->msg);
    }
    if (!ring_is_swept_for(store, chore)) {
        return false;
    }
    bool is_done = begin_unwatch(store, session, &slow->msg, slow->ids);
    slow_end(session); /* the next part begins no more */
    return is_done;
}

lode_err
handle_unwatch(struct store *store, struct session *session, const void *packet,
               const uint8_t *rest, size_t rest_size)
{
    const struct lode_msg_watch *msg = packet;
    LODE_TRY(ids_check(msg->count, rest_size));
    if (msg->drain != 0 && !ring_sweep(store)) {
        if (slow_put_off(store, session, rest, msg->count, unwatch_part)) {
            session->slow.msg = *msg;
            return LODE_OK;
        }
        ring_drain_all(store);
    }
    if (!begin_unwatch(store, session, msg, rest)) {
        session->slow.msg = *msg;
        chores_give(store, &session->slow.chore, unwatch_part);
    }
    return LODE_OK;
}
