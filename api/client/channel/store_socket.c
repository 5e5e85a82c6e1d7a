#include "api/client/channel/store_socket.h"

#include "api/base/clock.h"
#include "api/base/fail.h"
#include "api/wire/store_msg.h"

#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { SLICE_MS = 1000 }; /* between two looks whether the store lives */

struct lode_owed_packet {
    struct lode_owed_packet *next;
    size_t size;
    uint8_t bytes[];
};

void
lode_store_socket_init(struct lode_store_socket *at)
{
    *at = (struct lode_store_socket){.fd = -1};
    at->end = &at->first;
    lode_mutex_init(&at->mu, LODE_LOCK_STORE_SOCKET);
}

void
lode_store_socket_fini(struct lode_store_socket *at)
{
    if (at->fd >= 0) {
        close(at->fd);
    }
    while (at->first != NULL) {
        struct lode_owed_packet *packet = at->first;
        at->first = packet->next;
        free(packet);
    }
    lode_mutex_fini(&at->mu);
}

lode_err
lode_store_down(void)
{
    return lode_fail_with(LODE_EDOWN,
                          "the store has ended, or has ended this session: open a new one");
}

lode_err
lode_store_late(const struct lode_store_socket *at)
{
    if (at->pid <= 0) {
        return lode_fail_with(LODE_ETIMEDOUT, "the store has not answered in time: it is stopped "
                                              "(SIGSTOP), or very busy");
    }
    return lode_fail_with(LODE_ETIMEDOUT,
                          "the store, process %d, has not answered in time: it is stopped "
                          "(SIGSTOP), or very busy",
                          (int)at->pid);
}

bool
lode_store_is_dead(struct lode_store_socket *at)
{
    struct pollfd end = {.fd = at->fd, .events = POLLRDHUP};
    if (atomic_load_explicit(&at->down, memory_order_relaxed)) {
        return true;
    }
    if (poll(&end, 1, 0) > 0 && (end.revents & (POLLRDHUP | POLLHUP | POLLERR)) != 0) {
        atomic_store_explicit(&at->down, true, memory_order_relaxed);
    }
    return atomic_load_explicit(&at->down, memory_order_relaxed);
}

/* ---- sending ------------------------------------------------------------------------------ */

/* LODE_EAGAIN: the socket is full. */
static lode_err
try_send(struct lode_store_socket *at, const void *head, size_t head_size, const void *rest,
         size_t rest_size)
{
    lode_err err = lode_socket_try_send(at->fd, head, head_size, rest, rest_size);
    if (err == LODE_EDOWN) {
        atomic_store_explicit(&at->down, true, memory_order_relaxed);
        return lode_store_down();
    }
    return err;
}

/* Sends what is owed, as far as the socket has room. LODE_EAGAIN: something is left. */
static lode_err
send_owed(struct lode_store_socket *at)
{
    lode_err err = LODE_OK;
    lode_mutex_lock(&at->mu);
    while (at->first != NULL && err == LODE_OK) {
        struct lode_owed_packet *packet = at->first;
        err = try_send(at, packet->bytes, packet->size, NULL, 0);
        if (err == LODE_OK) {
            at->first = packet->next;
            free(packet);
        }
    }
    if (at->first == NULL) {
        at->end = &at->first;
        atomic_store_explicit(&at->owes, false, memory_order_relaxed);
    }
    lode_mutex_unlock(&at->mu);
    return err;
}

static lode_err
send_after_owed(struct lode_store_socket *at, const void *head, size_t head_size, const void *rest,
                size_t rest_size)
{
    if (atomic_load_explicit(&at->owes, memory_order_relaxed)) {
        LODE_TRY(send_owed(at));
    }
    return try_send(at, head, head_size, rest, rest_size);
}

lode_err
lode_store_send(struct lode_store_socket *at, const void *head, size_t head_size, const void *rest,
                size_t rest_size, int64_t deadline)
{
    for (;;) {
        lode_err err = send_after_owed(at, head, head_size, rest, rest_size);
        if (err != LODE_EAGAIN) {
            return err;
        }
        if (lode_store_is_dead(at)) {
            return lode_store_down();
        }
        int64_t left = lode_remaining_ms(deadline);
        if (left == 0) {
            return lode_store_late(at);
        }
        struct pollfd room = {.fd = at->fd, .events = POLLOUT};
        poll(&room, 1, left > 0 && left < SLICE_MS ? (int)left : SLICE_MS);
    }
}

/* ---- owing -------------------------------------------------------------------------------- */

/* Without memory the packet is lost, and what it ends lasts as long as the session. */
static void
keep(struct lode_store_socket *at, const void *packet, size_t size)
{
    struct lode_owed_packet *owed = malloc(sizeof *owed + size);
    if (owed == NULL) {
        return;
    }
    owed->next = NULL;
    owed->size = size;
    memcpy(owed->bytes, packet, size);
    lode_mutex_lock(&at->mu);
    *at->end = owed;
    at->end = &owed->next;
    atomic_store_explicit(&at->owes, true, memory_order_relaxed);
    lode_mutex_unlock(&at->mu);
}

void
lode_store_owe(struct lode_store_socket *at, const void *packet, size_t size, int64_t deadline)
{
    lode_err err = atomic_load_explicit(&at->owes, memory_order_relaxed)
                       ? send_after_owed(at, packet, size, NULL, 0)
                       : lode_store_send(at, packet, size, NULL, 0, deadline);
    if (err != LODE_OK && err != LODE_EDOWN) {
        keep(at, packet, size);
    }
}

void
lode_store_tell_abort(struct lode_store_socket *at, uint32_t entry, uint64_t generation,
                      int64_t deadline)
{
    struct lode_msg_draft msg = {
        .head.type = LODE_MSG_ABORT, .entry = entry, .generation = generation};
    lode_store_owe(at, &msg, sizeof msg, deadline);
}
