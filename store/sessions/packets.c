#include "store/sessions/packets.h"

#include "api/base/clock.h"
#include "api/base/fail.h"
#include "api/base/log.h"
#include "store/requests/creates.h"
#include "store/requests/failures.h"
#include "store/requests/lookups.h"
#include "store/requests/name_calls.h"
#include "store/requests/object_calls.h"
#include "store/requests/queries.h"
#include "store/requests/watches.h"
#include "store/rings/credit.h"
#include "store/rings/ring.h"
#include "store/sessions/session.h"
#include "store/state/answers.h"
#include "store/waits/waits.h"

#include <errno.h>
#include <sys/socket.h>

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
    [LODE_MSG_DRAIN]       = {handle_drain,       sizeof(struct lode_msg_head),     false},
    [LODE_MSG_SETTLE]      = {handle_settle,      sizeof(struct lode_msg_settle),   true},
    [LODE_MSG_RESULTS]     = {handle_results,     sizeof(struct lode_msg_settle),   true},
    [LODE_MSG_FAIL]        = {handle_fail,        sizeof(struct lode_msg_fail),     true},
    [LODE_MSG_LEAVE]       = {handle_leave,       sizeof(struct lode_msg_head),     false},
    [LODE_MSG_FORK]        = {handle_fork,        sizeof(struct lode_msg_head),     false},
    [LODE_MSG_TAKE]        = {handle_take,        sizeof(struct lode_msg_lookup),   false},
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
    store->table.now_ns = lode_now_ns();
    ring_drain(store, session);
    if (session->cut) {
        return LODE_OK;
    }
    return table[head->type].handle(store, session, bytes, (const uint8_t *)bytes + fixed,
                                    size - fixed);
}

/* Receives and handles one packet. False: no other one can be handled now. */
static bool
receive_one(struct store *store, struct session *session)
{
    ssize_t got = recv(session->fd, store->packet, LODE_STORE_PACKET_MAX, MSG_DONTWAIT | MSG_TRUNC);
    if (got < 0) {
        if (errno != EAGAIN && errno != EINTR) {
            session_end(store, session);
        }
        return false;
    }
    if (got == 0) {
        session_end(store, session);
        return false;
    }
    lode_err err = got > LODE_STORE_PACKET_MAX
                       ? lode_fail_with(LODE_EPROTO, "a packet of %zd bytes", got)
                       : packets_handle(store, session, store->packet, (size_t)got);
    if (err == LODE_EPROTO) {
        store->counts.bad_messages++;
        session_cut(session, "%s", lode_last_error());
    }
    waits_tell_decided(store);
    wakes_send(store);
    return !session->cut && !session->ended && !watches_under_way(session);
}

void
packets_want_output(struct store *store, struct session *session)
{
    bool wants = !outbox_is_empty(&session->out);
    if (wants != session->wants_output && session->fd >= 0) {
        struct epoll_event event = {.events = EPOLLIN | (wants ? EPOLLOUT : 0),
                                    .data.ptr = &session->socket};
        if (epoll_ctl(store->epoll_fd, EPOLL_CTL_MOD, session->fd, &event) == 0) {
            session->wants_output = wants;
        }
    }
}

void
packets_rung(struct store *store, struct session *session)
{
    if (session->ended || session->left) {
        return; /* the bell rang while the session ended: it has no ring and no credit any more */
    }
    store->counts.doorbells++;
    ring_drain(store, session);
    waits_tell_decided(store);
    wakes_send(store); /* first of all: most bells ring for a handoff, and its receiver waits */
    if (session->cut) {
        session_end(store, session);
    } else {
        credit_rang(store, session);
    }
}

void
packets_ready(struct store *store, struct session *session, uint32_t events)
{
    enum { PACKETS_AT_ONCE = 64 };
    if (session->ended) {
        return;
    }
    if ((events & EPOLLOUT) && outbox_flush(&session->out, session->fd) != LODE_OK) {
        session->cut = true;
    }
    if (events & (EPOLLIN | EPOLLHUP | EPOLLERR) && !watches_under_way(session)) {
        int64_t end = lode_now_ns() + STORE_TURN_NS;
        for (int i = 0; i < PACKETS_AT_ONCE && receive_one(store, session); i++) {
            if (store->table.now_ns >= end) { /* set by each packet: what is left is told again */
                break;
            }
        }
    }
    if (session->cut) {
        session_end(store, session);
    } else {
        packets_want_output(store, session);
    }
}
