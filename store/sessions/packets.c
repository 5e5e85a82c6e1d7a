#include "store/sessions/packets.h"

#include "api/base/fail.h"
#include "api/base/log.h"
#include "store/requests/creates.h"
#include "store/requests/failures.h"
#include "store/requests/lookups.h"
#include "store/requests/name_calls.h"
#include "store/requests/object_calls.h"
#include "store/requests/queries.h"
#include "store/requests/watches.h"
#include "store/rings/ring.h"
#include "store/sessions/session.h"
#include "store/state/answers.h"

static lode_err
handle_leave(struct store *store, struct session *session, const void *packet, const uint8_t *rest,
             size_t rest_size)
{
    const struct lode_msg_head *head = packet;
    (void)rest;
    (void)rest_size;
    session_leave(store, session, head->tag);
    return LODE_OK;
}

/* clang-format off */
static const struct {
    packet_fn *handle; /* NULL: no client sends it */
    uint32_t size;     /* of the fixed part */
    bool may_be_longer;
} table[LODE_MSG_END] = {
    [LODE_MSG_SEGMENT]     = {handle_segment,     sizeof(struct lode_msg_segment),  false},
    [LODE_MSG_CREATE]      = {handle_create,      sizeof(struct lode_msg_create),   true},
    [LODE_MSG_SEAL]        = {handle_seal,        sizeof(struct lode_msg_draft),    false},
    [LODE_MSG_ABORT]       = {handle_abort,       sizeof(struct lode_msg_draft),    false},
    [LODE_MSG_PUT]         = {handle_create,      sizeof(struct lode_msg_create),   true},
    [LODE_MSG_LOOKUP]      = {handle_lookup,      sizeof(struct lode_msg_lookup),   false},
    [LODE_MSG_UNWAIT]      = {handle_unwait,      sizeof(struct lode_msg_lookup),   false},
    [LODE_MSG_WATCH]       = {handle_watch,       sizeof(struct lode_msg_watch),    true},
    [LODE_MSG_UNWATCH]     = {handle_unwatch,     sizeof(struct lode_msg_watch),    true},
    [LODE_MSG_DELETE]      = {handle_delete,      sizeof(struct lode_msg_lookup),   false},
    [LODE_MSG_STAT]        = {handle_stat,        sizeof(struct lode_msg_lookup),   false},
    [LODE_MSG_LIST]        = {handle_list,        sizeof(struct lode_msg_list),     false},
    [LODE_MSG_NAME_SET]    = {handle_name_set,    sizeof(struct lode_msg_name),     true},
    [LODE_MSG_NAME_LOOKUP] = {handle_name_lookup, sizeof(struct lode_msg_name),     true},
    [LODE_MSG_NAME_REMOVE] = {handle_name_remove, sizeof(struct lode_msg_name),     true},
    [LODE_MSG_NAME_LIST]   = {handle_name_list,   sizeof(struct lode_msg_name),     true},
    [LODE_MSG_STATS]       = {handle_stats,       sizeof(struct lode_msg_head),     false},
    [LODE_MSG_GROW_PINS]   = {handle_grow_pins,   sizeof(struct lode_msg_pins),     false},
    [LODE_MSG_RELEASED]    = {handle_released,    sizeof(struct lode_msg_released), false},
    [LODE_MSG_SETTLE]      = {handle_settle,      sizeof(struct lode_msg_settle),   true},
    [LODE_MSG_RESULTS]     = {handle_results,     sizeof(struct lode_msg_settle),   true},
    [LODE_MSG_FAIL]        = {handle_fail,        sizeof(struct lode_msg_fail),     true},
    [LODE_MSG_LEAVE]       = {handle_leave,       sizeof(struct lode_msg_head),     false},
    [LODE_MSG_FORK]        = {handle_fork,        sizeof(struct lode_msg_head),     false},
    [LODE_MSG_TAKE]        = {handle_take,        sizeof(struct lode_msg_lookup),   false},
    [LODE_MSG_EXPIRE]      = {handle_expire,      sizeof(struct lode_msg_head),     false},
    [LODE_MSG_CHECK]       = {handle_check,       sizeof(struct lode_msg_check),    true},
    [LODE_MSG_WATCH_ROW]   = {handle_watch_row,   sizeof(struct lode_msg_watch_row), false},
    [LODE_MSG_WATCH_FILTER] = {handle_watch_filter, sizeof(struct lode_msg_watch_filter), true},
};
/* clang-format on */

/* The first packet; a refusal is answered, then the connection is closed. */
static lode_err
handle_first(struct store *store, struct session *session, const void *bytes, size_t size)
{
    const struct lode_msg_hello *hello = bytes;
    if (size != sizeof *hello || hello->head.type != LODE_MSG_HELLO) {
        return lode_fail_with(LODE_EPROTO, "its first packet is no HELLO");
    }
    lode_err err = session_hello(store, session, hello);
    if (err != LODE_OK) {
        lode_log("STORE-SESSION-REFUSED", "process %lld: %s", (long long)session->pid,
                 lode_last_error());
        session_fail(store, session, hello->head.tag, err);
        session->cut = true;
    }
    return LODE_OK;
}

lode_err
packets_handle(struct store *store, struct session *session, const void *bytes, size_t size)
{
    const struct lode_msg_head *head = bytes;
    if (session->number == 0) {
        return handle_first(store, session, bytes, size);
    }
    if (size < sizeof *head || head->type >= LODE_MSG_END || table[head->type].handle == NULL) {
        return lode_fail_with(LODE_EPROTO, "a packet of %zu bytes and type %u", size,
                              size > 0 ? head->type : 0);
    }
    size_t fixed = table[head->type].size;
    if (size < fixed || (size > fixed && !table[head->type].may_be_longer)) {
        return lode_fail_with(LODE_EPROTO, "a packet of type %u has %zu bytes: %zu are needed",
                              head->type, size, fixed);
    }
    if (session->left && head->type != LODE_MSG_RELEASED && head->type != LODE_MSG_FORK) {
        return lode_fail_with(LODE_EPROTO, "a packet of type %u after its LEAVE", head->type);
    }
    store_set_now(store);
    ring_drain(store, session);
    if (session->cut) {
        return LODE_OK;
    }
    return table[head->type].handle(store, session, bytes, (const uint8_t *)bytes + fixed,
                                    size - fixed);
}
