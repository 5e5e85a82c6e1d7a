#include "store/requests/watches.h"

#include "api/base/fail.h"
#include "api/layout/id_filter.h"
#include "store/objects/status.h"
#include "store/requests/ids.h"
#include "store/requests/slow.h"
#include "store/rings/asking.h"
#include "store/rings/ring.h"
#include "store/state/answers.h"
#include "store/waits/notices.h"
#include "store/waits/filters.h"
#include "store/waits/ranges.h"
#include "store/waits/waits.h"

#include <stdlib.h>

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
            bool of_id = err == LODE_ELIMIT && session->wait_count < LODE_SESSION_WAITS_MAX;
            notices_add(store, session, id, cookie,
                        err == LODE_ENOMEM ? LODE_FOUND_STARVED : LODE_FOUND_REFUSED, of_id);
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

/* What is known already, or refused, is told before the OK. */
static void
answer_watch(struct session *session, uint32_t tag)
{
    if (tag != 0) {
        notices_send(session);
        session_ok(session, tag);
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
        answer_watch(session, slow->msg.head.tag);
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
    answer_watch(session, msg->head.tag);
    return LODE_OK;
}

/*
 * The fence is for the drain of the CHECK that follows. A putter publishes its tail, fences and
 * reads `waited`: so either it sees `waited` and rings, or that drain sees its record.
 */
lode_err
handle_watch_row(struct store *store, struct session *session, const void *packet,
                 const uint8_t *rest, size_t rest_size)
{
    const struct lode_msg_watch_row *msg = packet;
    const struct id_row ids = {msg->first, msg->count, msg->step};
    (void)rest;
    (void)rest_size;
    if (ids.count == 0 || ids.count > LODE_STORE_ROW_MAX || ids.step == 0 ||
        ids.step > LODE_STORE_STEP_MAX || lode_id_session(ids.first) == 0) {
        return lode_fail_with(LODE_EPROTO, "%u ids in a row, %u apart", ids.count, ids.step);
    }
    waits_tell_decided(store); /* it is told of nothing that was before it */
    lode_err err = ranges_arm(store, session, &ids, msg->cookie);
    if (err != LODE_OK) {
        session_fail(store, session, msg->head.tag, err);
        return LODE_OK;
    }
    atomic_thread_fence(memory_order_seq_cst);
    answer_watch(session, msg->head.tag);
    return LODE_OK;
}

/* The fence is as for a row. */
lode_err
handle_watch_filter(struct store *store, struct session *session, const void *packet,
                    const uint8_t *rest, size_t rest_size)
{
    const struct lode_msg_watch_filter *msg = packet;
    if (msg->count == 0 || msg->count > LODE_SESSION_WAITS_MAX ||
        msg->log2 != lode_filter_log2(msg->count)) {
        return lode_fail_with(LODE_EPROTO, "a filter of %u ids with 2^%u bits", msg->count,
                              msg->log2);
    }
    waits_tell_decided(store); /* it is told of nothing that was before it */
    lode_err err = msg->at == 0 ? filters_begin(store, session, msg) : LODE_OK;
    if (err != LODE_OK) {
        session_fail(store, session, msg->head.tag, err);
        return LODE_OK;
    }
    LODE_TRY(filters_fill(store, session, msg->cookie, msg->at, rest, rest_size));
    atomic_thread_fence(memory_order_seq_cst);
    answer_watch(session, msg->head.tag);
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
    if (msg->count == 0) {
        waits_tell_decided(store);
        ranges_unwatch(store, session, msg->cookie);
        filters_unwatch(store, session, msg->cookie);
    }
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

/* ---- CHECK ---- */

static void
check_each(const struct store *store, const uint8_t *ids, uint32_t first, uint32_t end,
           uint8_t *bits)
{
    for (uint32_t i = first; i < end; i++) {
        if (status_of(store, ids_at(ids, i), NULL) != LODE_FOUND_PENDING) {
            bits[i / 8] |= (uint8_t)(1 << i % 8);
        }
    }
}

/*
 * Most ids of a row are still to come, and that is found out for some hundred at once. It takes a
 * moment for each 4,096 numbers between the first and the last: so the step is bounded.
 */
static void
check_row(const struct store *store, lode_id first, uint64_t step, uint32_t at, uint32_t end,
          uint8_t *bits)
{
    enum { TOGETHER = 256 };
    for (uint32_t i = at; i < end; i += TOGETHER) {
        uint32_t upto = end - i < TOGETHER ? end : i + TOGETHER;
        if (status_all_may_come(store, lode_id_plus(first, i * step), (upto - i - 1) * step + 1)) {
            continue;
        }
        for (uint32_t j = i; j < upto; j++) {
            if (status_of(store, lode_id_plus(first, j * step), NULL) != LODE_FOUND_PENDING) {
                bits[j / 8] |= (uint8_t)(1 << j % 8);
            }
        }
    }
}

static void
check_some(const struct store *store, const struct lode_msg_check *msg, const void *ids,
           uint32_t first, uint32_t end, uint8_t *bits)
{
    if (msg->step == 0) {
        check_each(store, ids, first, end, bits);
    } else {
        check_row(store, ids_at(ids, 0), msg->step, first, end, bits);
    }
}

static void
answer_check(struct session *session, const struct lode_msg_check *msg, const uint8_t *bits)
{
    struct lode_msg_check checked = *msg;
    checked.head.type = LODE_MSG_CHECKED;
    if (msg->head.tag != 0) {
        session_send(session, &checked, sizeof checked, bits, (msg->count + 7) / 8);
    }
}

static bool
check_part(struct store *store, struct chore *chore)
{
    struct session *session = slow_session(chore);
    struct slow_packet *slow = &session->slow;
    if (slow_is_over(session)) {
        return slow_end(session);
    }
    if (slow->next == 0 && slow->check.drain != 0 && !ring_is_swept_for(store, chore)) {
        return false;
    }
    uint32_t left = slow->check.count - slow->next;
    uint32_t end = slow->next + (left < CHECKS_AT_ONCE ? left : CHECKS_AT_ONCE);
    check_some(store, &slow->check, slow->ids, slow->next, end, slow->bits);
    slow->next = end;
    if (end < slow->check.count) {
        return false;
    }
    answer_check(session, &slow->check, slow->bits);
    return slow_end(session);
}

static lode_err
put_check_off(struct store *store, struct session *session, const struct lode_msg_check *msg,
              const void *ids, uint32_t id_count)
{
    uint8_t *bits = calloc(1, msg->count / 8 + 1);
    if (bits == NULL || !slow_put_off(store, session, ids, id_count, check_part)) {
        free(bits);
        return lode_fail_with(LODE_ENOMEM, "the store has no memory to look for %u objects",
                              msg->count);
    }
    session->slow.check = *msg;
    session->slow.bits = bits;
    session->slow.next = 0;
    return LODE_OK;
}

lode_err
handle_check(struct store *store, struct session *session, const void *packet, const uint8_t *rest,
             size_t rest_size)
{
    const struct lode_msg_check *msg = packet;
    uint8_t bits[CHECKS_AT_ONCE / 8] = {0};
    uint32_t id_count = msg->step == 0 ? msg->count : 1;
    LODE_TRY(ids_check(id_count, rest_size));
    if (msg->count > LODE_STORE_ROW_MAX || msg->step > LODE_STORE_STEP_MAX) {
        return lode_fail_with(LODE_EPROTO, "%u ids in a row, %u apart", msg->count, msg->step);
    }
    bool is_swept = msg->drain == 0 || ring_sweep(store);
    if (!is_swept || msg->count > CHECKS_AT_ONCE) {
        lode_err err = put_check_off(store, session, msg, rest, id_count);
        if (err != LODE_OK) {
            session_fail(store, session, msg->head.tag, err);
        }
        return LODE_OK;
    }
    if (msg->count > 0) {
        check_some(store, msg, rest, 0, msg->count, bits);
    }
    answer_check(session, msg, bits);
    return LODE_OK;
}
