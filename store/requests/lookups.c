#include "store/requests/lookups.h"

#include "api/base/fail.h"
#include "store/objects/own.h"
#include "store/objects/status.h"
#include "store/objects/settled.h"
#include "store/requests/ids.h"
#include "store/requests/slow.h"
#include "store/rings/asking.h"
#include "store/rings/ring.h"
#include "store/state/answers.h"
#include "store/waits/waits.h"

#include <string.h>

/*
 * Arms the wait, then drains whatever ring may hold the id. A putter publishes its tail, fences and
 * reads `waited`: so either it sees `waited` and rings, or the drain sees its record.
 */
static lode_err
arm_and_ask(struct store *store, struct session *session, lode_id id, uint64_t cookie,
            enum lode_found *status_out)
{
    LODE_TRY(waits_arm(store, session, id, cookie, false));
    atomic_thread_fence(memory_order_seq_cst);
    *status_out = asking_status(store, id, NULL);
    return LODE_OK;
}

lode_err
handle_unwait(struct store *store, struct session *session, const void *packet, const uint8_t *rest,
              size_t rest_size)
{
    const struct lode_msg_lookup *msg = packet;
    (void)rest;
    (void)rest_size;
    waits_disarm(store, session, msg->id, msg->cookie, NULL);
    return LODE_OK;
}

/* Ends the wait of that cookie and says what it was told. If it was told nothing, arms it again. */
static lode_err
ask_with_cookie(struct store *store, struct session *session, const struct lode_msg_lookup *msg,
                enum lode_found *status_out)
{
    enum lode_found told = LODE_FOUND_PENDING;
    waits_disarm(store, session, msg->id, msg->cookie, &told);
    LODE_TRY(arm_and_ask(store, session, msg->id, msg->cookie, status_out));
    if (*status_out != LODE_FOUND_SEALED && told != LODE_FOUND_PENDING) {
        *status_out = told; /* aborted, or gone, while it was armed */
    }
    if (*status_out != LODE_FOUND_PENDING) {
        waits_disarm(store, session, msg->id, msg->cookie, NULL);
    }
    return LODE_OK;
}

lode_err
handle_lookup(struct store *store, struct session *session, const void *packet, const uint8_t *rest,
              size_t rest_size)
{
    const struct lode_msg_lookup *msg = packet;
    struct lode_msg_found found = {.head = {.type = LODE_MSG_FOUND, .tag = msg->head.tag},
                                   .id = msg->id};
    enum lode_found status = LODE_FOUND_PENDING;
    (void)rest;
    (void)rest_size;
    store->counts.gets_by_message++;
    if (msg->cookie != 0) {
        lode_err err = ask_with_cookie(store, session, msg, &status);
        if (err != LODE_OK) {
            session_fail(store, session, msg->head.tag, err);
            return LODE_OK;
        }
    } else {
        status = asking_status(store, msg->id, NULL);
    }
    found.status = status;
    if (msg->head.tag != 0) {
        session_send(session, &found, sizeof found, NULL, 0);
    }
    return LODE_OK;
}

/* ---- the scheduler's questions ---- */

static void
answer_settle(struct session *session, const struct lode_msg_settle *msg, const uint8_t *status)
{
    struct lode_msg_settle settled = *msg;
    settled.head.type = LODE_MSG_SETTLED;
    if (msg->head.tag != 0) {
        session_send(session, &settled, sizeof settled, status, msg->count);
    }
}

static lode_err
check_settle(const struct session *session, const struct lode_msg_settle *msg, size_t rest_size)
{
    LODE_TRY(ids_check(msg->count, rest_size));
    return session->flags & LODE_HELLO_SCHEDULER
               ? LODE_OK
               : lode_fail_with(LODE_EPROTO, "a session that is no scheduler settles results");
}

lode_err
handle_settle(struct store *store, struct session *session, const void *packet, const uint8_t *rest,
              size_t rest_size)
{
    const struct lode_msg_settle *msg = packet;
    uint8_t status[LODE_STORE_IDS_MAX];
    LODE_TRY(check_settle(session, msg, rest_size));
    struct session *maker = store_session(store, msg->session);
    if (maker != NULL) {
        ring_drain(store, maker);
    }
    for (uint32_t i = 0; i < msg->count; i++) {
        lode_id id = ids_at(rest, i);
        status[i] =
            status_was_made(store, id) ? LODE_FOUND_SEALED : (uint8_t)status_of(store, id, NULL);
    }
    answer_settle(session, msg, status);
    return LODE_OK;
}

/* The row of a session that may have ended: its references go in parts. UINT32_MAX: it has none. */
static uint32_t
row_of(const struct store *store, uint64_t number)
{
    const struct session *session = store->by_row[number % LODE_SESSION_ROWS];
    return session != NULL && session->number == number ? session->row : UINT32_MAX;
}

/* PENDING: somebody other than its session wants the result. */
static enum lode_found
wanted(struct store *store, lode_id id)
{
    uint32_t entry, row = row_of(store, lode_id_session(id));
    bool known = table_find(&store->table, id, &entry);
    if (known && entry_is_sealed(&store->table, entry)) {
        return LODE_FOUND_SEALED;
    }
    return (known && ref_others(&store->table, entry, row) > 0) || waits_any(store, id)
               ? LODE_FOUND_PENDING
               : LODE_FOUND_GONE;
}

/* Whether a result of an ended session will be asked for; if so it is promised. */
static enum lode_found
promise(struct store *store, lode_id id)
{
    uint32_t entry;
    enum lode_found found = wanted(store, id);
    if (found != LODE_FOUND_PENDING) {
        return found;
    }
    if (!table_find(&store->table, id, &entry) && own_expect(store, id, &entry) != LODE_OK) {
        return LODE_FOUND_GONE;
    }
    store->table.truths[entry].flags |= TRUTH_PROMISED;
    return LODE_FOUND_PENDING;
}

/* All that was put so far is known. */
static void
answer_results(struct store *store, struct session *session, const struct lode_msg_settle *msg,
               const void *ids)
{
    uint8_t status[LODE_STORE_IDS_MAX];
    struct session *ended = store_session(store, msg->session); /* may not be known to have ended */
    bool only_asks = msg->session == 0;
    for (uint32_t i = 0; i < msg->count; i++) {
        lode_id id = ids_at(ids, i);
        bool is_result = lode_id_kind(id) == LODE_ID_RESULT;
        bool fits = is_result && lode_id_session(id) == msg->session;
        status[i] = (uint8_t)(is_result && only_asks ? wanted(store, id)
                              : fits                 ? promise(store, id)
                                                     : LODE_FOUND_GONE);
    }
    if (!only_asks && msg->count < LODE_STORE_IDS_MAX) { /* one that is not full is the last */
        if (ended != NULL) {
            ended->results_told = true;
        } else {
            settled_session(store, msg->session);
        }
    }
    answer_settle(session, msg, status);
}

static bool
results_part(struct store *store, struct chore *chore)
{
    struct session *session = slow_session(chore);
    if (!slow_is_over(session)) {
        if (!ring_is_swept_for(store, chore)) {
            return false;
        }
        answer_results(store, session, &session->slow.results, session->slow.ids);
    }
    return slow_end(session);
}

lode_err
handle_results(struct store *store, struct session *session, const void *packet,
               const uint8_t *rest, size_t rest_size)
{
    const struct lode_msg_settle *msg = packet;
    LODE_TRY(check_settle(session, msg, rest_size));
    if (!ring_sweep(store)) {
        if (slow_put_off(store, session, rest, msg->count, results_part)) {
            session->slow.results = *msg;
            return LODE_OK;
        }
        ring_drain_all(store);
    }
    answer_results(store, session, msg, rest);
    return LODE_OK;
}
