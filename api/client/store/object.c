#include "api/base/fail.h"
#include "api/client/channel/ring_ids.h"
#include "api/client/session/handle.h"
#include "api/client/channel/patience.h"
#include "api/client/session/session.h"
#include "api/client/store/look.h"

#include <stdlib.h>

static lode_err
ask_about(lode *db, enum lode_store_msg type, lode_id id, enum lode_store_msg answer_type,
          void *answer, size_t answer_size)
{
    struct lode_msg_lookup msg = {.head.type = (uint8_t)type, .id = id};
    return lode_store_ask_exactly(&db->calls, &msg.head, sizeof msg, answer_type, answer,
                                  answer_size, lode_answer_by());
}

/* ---- references --------------------------------------------------------------------------- */

/*
 * Whether the store might refuse the reference. Then it is asked by a packet, since it cannot
 * answer a record in the ring. The count in the row lacks what lies in the ring at this moment.
 */
static bool
may_be_refused(lode *db, lode_id id)
{
    uint32_t scarce = atomic_load_explicit(&db->index.header->scarce, memory_order_relaxed);
    bool own = lode_id_session(id) == db->number;
    uint64_t in_ring = db->ring.size / (sizeof(struct lode_record) + sizeof(lode_id));
    uint64_t expected = atomic_load_explicit(own ? &db->row->expected_own : &db->row->expected,
                                             memory_order_relaxed);
    uint64_t most = own ? LODE_SESSION_EXPECTED_OWN_MAX : LODE_SESSION_EXPECTED_MAX;
    bool is_near = (scarce & (LODE_SCARCE_ENTRIES | LODE_SCARCE_ENTRY_MEMORY)) != 0 ||
                   expected + in_ring >= most;
    return (scarce & (LODE_SCARCE_REFS | LODE_SCARCE_REF_MEMORY)) != 0 ||
           (is_near && !lode_session_sees(db, id, NULL));
}

/*
 * The store found no memory for a reference whose record lay in the ring: said once, by this call.
 */
static lode_err
check_refused(lode *db)
{
    uint32_t refused = atomic_load_explicit(&db->row->refused, memory_order_relaxed);
    uint32_t told = atomic_load_explicit(&db->refused_told, memory_order_relaxed);
    if (refused == told || !atomic_compare_exchange_strong(&db->refused_told, &told, refused)) {
        return LODE_OK;
    }
    return lode_fail_with(LODE_EFULL,
                          "the store had no memory for %u references that were taken before: they "
                          "are not held; make room in its tmpfs",
                          (unsigned)(refused - told));
}

/* By a packet: the store answers. */
static lode_err
ask_take(lode *db, lode_id id)
{
    struct lode_msg_lookup msg = {.head.type = LODE_MSG_TAKE, .id = id};
    struct lode_reply reply = {.type = LODE_MSG_OK,
                               .answer_by = lode_answer_by(),
                               .late = LODE_LATE_OBJECT,
                               .late_id = id};
    return lode_store_ask(&db->calls, &msg.head, sizeof msg, NULL, 0, &reply);
}

lode_err
lode_keep(lode *db, lode_id id)
{
    LODE_TRY(lode_session_check(db));
    LODE_TRY(check_refused(db));
    if (lode_id_none(id)) {
        return lode_fail_zero_id("lode_keep");
    }
    LODE_TRY(may_be_refused(db, id) ? ask_take(db, id) : lode_ring_take(&db->ring, id));
    lode_hooks_referenced(&db->hooks, id, 1);
    return LODE_OK;
}

/* A reference to a result may be one of several that the task client counts as one. */
static bool
is_spared(const lode *db, lode_id id)
{
    if (lode_id_kind(id) != LODE_ID_RESULT) {
        return false;
    }
    const struct lode_session_hooks *tasks = lode_hooks_in(&db->hooks, LODE_HOOKS_TASKS);
    return tasks != NULL && tasks->spares != NULL && tasks->spares(tasks->arg, id);
}

void
lode_drop(lode *db, lode_id id)
{
    if (lode_id_none(id) || lode_session_check(db) != LODE_OK) {
        return;
    }
    lode_hooks_referenced(&db->hooks, id, -1);
    if (is_spared(db, id)) {
        return;
    }
    lode_ring_drop(&db->ring, id, lode_session_is_large(db, id));
}

/* Whether one of them is so large that its drop is told at once. */
static bool
any_urgent(lode *db, const lode_id *ids, uint32_t count)
{
    for (uint32_t i = 0; i < count; i++) {
        if (lode_session_is_large(db, ids[i])) {
            return true;
        }
    }
    return false;
}

/*
 * A look at the size costs more than all else that a drop does here. So it is spared where the bell
 * is rung for many together in any case.
 */
void
lode_drop_many(lode *db, const lode_id *ids, size_t count)
{
    enum { LOOKED_AT_MAX = 32 };
    lode_id part[LODE_RING_DROPS_MAX];
    if (ids == NULL || lode_session_check(db) != LODE_OK) {
        return;
    }
    for (size_t done = 0; done < count;) {
        uint32_t size = 0;
        for (; done < count && size < LODE_RING_DROPS_MAX; done++) {
            if (!lode_id_none(ids[done])) {
                lode_hooks_referenced(&db->hooks, ids[done], -1);
                part[size] = ids[done];
                size += !is_spared(db, ids[done]);
            }
        }
        if (size > 0) {
            bool urgent = count <= LOOKED_AT_MAX && any_urgent(db, part, size);
            lode_ring_drop_part(&db->ring, part, size, urgent);
        }
    }
    if (count > LOOKED_AT_MAX) {
        lode_ring_bell(&db->ring);
    }
}

/* ---- questions about one object ----------------------------------------------------------- */

lode_err
lode_contains(lode *db, lode_id id, bool *there_out)
{
    struct lode_msg_found found = {.status = LODE_FOUND_SEALED};
    LODE_TRY(lode_session_check(db));
    LODE_NEED("lode_contains", there_out);
    if (lode_id_none(id)) {
        return lode_fail_zero_id("lode_contains");
    }
    if (!lode_session_sees(db, id, NULL)) {
        LODE_TRY(ask_about(db, LODE_MSG_LOOKUP, id, LODE_MSG_FOUND, &found, sizeof found));
    }
    *there_out = found.status == LODE_FOUND_SEALED;
    return LODE_OK;
}

lode_err
lode_delete(lode *db, lode_id id)
{
    LODE_TRY(lode_session_check(db));
    if (lode_id_none(id)) {
        return lode_fail_zero_id("lode_delete");
    }
    return ask_about(db, LODE_MSG_DELETE, id, LODE_MSG_OK, NULL, 0);
}

struct info_packet {
    struct lode_msg_list head;
    lode_object_info info[1];
};

/* The caller walks over the axes. */
static lode_err
check_info(const lode_object_info *info)
{
    if (info->array.ndim < 0 || info->array.ndim > LODE_MAX_NDIM) {
        return lode_fail_with(LODE_EPROTO, "the store gives an object %d axes",
                              (int)info->array.ndim);
    }
    return LODE_OK;
}

lode_err
lode_stat(lode *db, lode_id id, lode_object_info *info_out)
{
    struct info_packet are;
    LODE_TRY(lode_session_check(db));
    LODE_NEED("lode_stat", info_out);
    if (lode_id_none(id)) {
        return lode_fail_zero_id("lode_stat");
    }
    LODE_TRY(ask_about(db, LODE_MSG_STAT, id, LODE_MSG_INFO, &are, sizeof are));
    LODE_TRY(check_info(&are.info[0]));
    *info_out = are.info[0];
    return LODE_OK;
}

/* ---- all objects -------------------------------------------------------------------------- */

/*
 * One part of the list. `cursor` becomes that of the next, which is larger; 0: this was the last,
 * or `each` stopped.
 */
static lode_err
list_part(lode *db, void *packet, uint64_t *cursor, lode_list_fn each, void *arg)
{
    struct lode_msg_list ask = {.head.type = LODE_MSG_LIST, .cursor = *cursor}, are;
    struct lode_reply reply = {.type = LODE_MSG_INFO,
                               .packet = packet,
                               .room = LODE_STORE_PACKET_MAX,
                               .answer_by = lode_answer_by()};
    LODE_TRY(lode_store_ask(&db->calls, &ask.head, sizeof ask, NULL, 0, &reply));
    memcpy(&are, packet, sizeof are);
    if (reply.size < sizeof are ||
        (reply.size - sizeof are) / sizeof(lode_object_info) < are.count) {
        return lode_fail_with(LODE_EPROTO, "the store lists %u objects in %zu bytes",
                              (unsigned)are.count, reply.size);
    }
    if (are.cursor != 0 && are.cursor <= *cursor) {
        return lode_fail_with(LODE_EPROTO, "the store's list of objects does not go on");
    }
    *cursor = are.cursor;
    for (uint32_t i = 0; i < are.count; i++) {
        lode_object_info info;
        memcpy(&info, (const uint8_t *)packet + sizeof are + i * sizeof info, sizeof info);
        LODE_TRY(check_info(&info));
        if (!each(&info, arg)) {
            *cursor = 0;
            break;
        }
    }
    return LODE_OK;
}

lode_err
lode_list(lode *db, lode_list_fn each, void *arg)
{
    uint64_t cursor = 0;
    LODE_TRY(lode_session_check(db));
    LODE_NEED("lode_list", each);
    void *packet = malloc(LODE_STORE_PACKET_MAX);
    if (packet == NULL) {
        return lode_fail_with(LODE_ENOMEM, "no memory for the list of objects");
    }
    lode_err err;
    do {
        err = list_part(db, packet, &cursor, each, arg);
    } while (err == LODE_OK && cursor != 0);
    free(packet);
    return err;
}

lode_err
lode_get_store_stats(lode *db, lode_store_stats *stats_out)
{
    struct lode_msg_head ask = {.type = LODE_MSG_STATS};
    struct lode_msg_stats are;
    LODE_TRY(lode_session_check(db));
    LODE_NEED("lode_get_store_stats", stats_out);
    LODE_TRY(lode_store_ask_exactly(&db->calls, &ask, sizeof ask, LODE_MSG_STATS_ARE, &are,
                                    sizeof are, lode_answer_by()));
    *stats_out = are.stats;
    return LODE_OK;
}
