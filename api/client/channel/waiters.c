#include "api/client/channel/waiters.h"

#include "api/base/assert.h"
#include "api/base/clock.h"
#include "api/client/channel/store_calls.h"

#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

void
lode_waiter_link_locked(struct lode_store_calls *calls, struct lode_waiter *waiter)
{
    lode_mutex_assert_held(&calls->mu);
    waiter->previous = NULL;
    waiter->next = calls->asking;
    if (calls->asking != NULL) {
        calls->asking->previous = waiter;
    }
    calls->asking = waiter;
}

void
lode_waiter_unlink_locked(struct lode_store_calls *calls, struct lode_waiter *waiter)
{
    lode_mutex_assert_held(&calls->mu);
    if (waiter->previous != NULL) {
        waiter->previous->next = waiter->next;
    } else {
        calls->asking = waiter->next;
    }
    if (waiter->next != NULL) {
        waiter->next->previous = waiter->previous;
    }
}

static bool
is_done(const struct lode_waiter *waiter)
{
    return waiter->watch != NULL ? waiter->watch->done : waiter->done;
}

static void
wake_all_locked(struct lode_store_calls *calls)
{
    for (struct lode_waiter *w = calls->sleepers; w != NULL; w = w->next_sleeper) {
        lode_cond_signal(&w->cond);
    }
}

/* ---- what comes in ------------------------------------------------------------------------ */

struct packet {
    const uint8_t *bytes;
    size_t size;
    int *fds;
    size_t fd_count;
    bool fds_lost; /* some came for which this process had no number */
};

/*
 * Copies the packet for the thread that asked. The text of an error is a thread's own, so the
 * thread that asked reads it.
 */
static void
answer_locked(struct lode_waiter *waiter, const struct packet *packet)
{
    struct lode_reply *reply = waiter->reply;
    waiter->done = true;
    if (packet->size > reply->room && reply->packet != NULL) {
        waiter->err = LODE_EPROTO;
        lode_socket_close_fds(packet->fds, packet->fd_count);
    } else {
        if (reply->packet != NULL) {
            memcpy(reply->packet, packet->bytes, packet->size);
        }
        reply->size = packet->size;
        memcpy(reply->fds, packet->fds, packet->fd_count * sizeof packet->fds[0]);
        reply->fd_count = packet->fd_count;
        waiter->err = packet->fds_lost ? LODE_ELIMIT : LODE_OK;
    }
    lode_cond_signal(&waiter->cond);
}

static void
notify_locked(struct lode_store_calls *calls, const struct packet *packet)
{
    struct lode_msg_watch msg;
    if (packet->size < sizeof msg) {
        return;
    }
    memcpy(&msg, packet->bytes, sizeof msg);
    if ((packet->size - sizeof msg) / sizeof(struct lode_msg_ready) < msg.count) {
        return;
    }
    struct lode_watch *watch = lode_watches_find(&calls->watches, msg.cookie);
    if (watch == NULL) {
        return;
    }
    watch->notify(watch, (const void *)(packet->bytes + sizeof msg), msg.count);
    if (watch->done && watch->waiter != NULL) {
        lode_cond_signal(&watch->waiter->cond);
    }
}

/* The question of an answer without a waiter was given up. */
static void
dispatch_locked(struct lode_store_calls *calls, const struct packet *packet)
{
    struct lode_msg_head head;
    if (packet->size >= sizeof head) {
        memcpy(&head, packet->bytes, sizeof head);
        if (head.type == LODE_MSG_NOTIFY) {
            notify_locked(calls, packet);
        } else {
            for (struct lode_waiter *w = calls->asking; w != NULL; w = w->next) {
                if (w->tag == head.tag) {
                    answer_locked(w, packet);
                    return;
                }
            }
            lode_lates_answer(&calls->lates, packet->bytes, packet->size);
        }
    }
    lode_socket_close_fds(packet->fds, packet->fd_count);
}

/* A packet whose descriptors were lost came, too: the thread that asked is told. */
static lode_err
receive(struct lode_store_calls *calls, int flags, struct packet *packet)
{
    lode_err err =
        lode_socket_receive(calls->socket.fd, flags, calls->buffer, LODE_STORE_PACKET_MAX,
                            &packet->size, packet->fds, &packet->fd_count);
    packet->fds_lost = err == LODE_ELIMIT;
    return packet->fds_lost ? LODE_OK : err;
}

static void
down_locked(struct lode_store_calls *calls)
{
    atomic_store_explicit(&calls->socket.down, true, memory_order_relaxed);
    wake_all_locked(calls);
}

/* The leader receives one packet, or sleeps for a slice. It does not hold the lock meanwhile. */
static void
lead(struct lode_store_calls *calls, int64_t deadline)
{
    int fds[LODE_SOCKET_FDS_MAX];
    struct packet packet = {.bytes = calls->buffer, .fds = fds};
    struct pollfd at = {.fd = calls->socket.fd, .events = POLLIN};
    calls->has_leader = true;
    lode_mutex_unlock(&calls->mu);
    int flags = 0;
    if (deadline != LODE_NEVER && deadline - lode_now_ns() < LODE_SLICE_NS) {
        poll(&at, 1, (int)lode_remaining_ms(deadline));
        flags = MSG_DONTWAIT;
    }
    lode_err err = receive(calls, flags, &packet);
    lode_mutex_lock(&calls->mu);
    calls->has_leader = false;
    if (err == LODE_OK) {
        dispatch_locked(calls, &packet);
    } else if (err != LODE_EAGAIN) {
        down_locked(calls);
    }
}

void
lode_waiters_read_locked(struct lode_store_calls *calls)
{
    int fds[LODE_SOCKET_FDS_MAX];
    struct packet packet = {.bytes = calls->buffer, .fds = fds};
    lode_err err = LODE_OK;
    lode_mutex_assert_held(&calls->mu);
    while (err == LODE_OK && !calls->has_leader) {
        err = receive(calls, MSG_DONTWAIT, &packet);
        if (err == LODE_OK) {
            dispatch_locked(calls, &packet);
        } else if (err != LODE_EAGAIN) {
            down_locked(calls);
        }
    }
}

void
lode_waiters_undo_lates(struct lode_store_calls *calls)
{
    if (!atomic_load_explicit(&calls->has_lates, memory_order_relaxed)) {
        return;
    }
    lode_mutex_lock(&calls->mu);
    lode_waiters_read_locked(calls);
    struct lode_late *late = lode_lates_take(&calls->lates);
    atomic_store_explicit(&calls->has_lates, calls->lates.asked != NULL, memory_order_relaxed);
    lode_mutex_unlock(&calls->mu);
    while (late != NULL) {
        struct lode_late *next = late->next;
        if (late->kind == LODE_LATE_DRAFT) {
            lode_store_tell_abort(&calls->socket, late->entry, late->generation, 0);
        } else if (calls->drop_late != NULL) {
            calls->drop_late(calls->drop_late_arg, late->id);
        }
        free(late);
        late = next;
    }
}

/* ---- sleeping ----------------------------------------------------------------------------- */

static void
sleep_locked(struct lode_store_calls *calls, struct lode_waiter *waiter, int64_t until)
{
    waiter->is_called = false;
    waiter->previous_sleeper = NULL;
    waiter->next_sleeper = calls->sleepers;
    if (calls->sleepers != NULL) {
        calls->sleepers->previous_sleeper = waiter;
    }
    calls->sleepers = waiter;
    lode_cond_wait(&waiter->cond, &calls->mu, until);
    LODE_DEBUG_ASSERT(calls->has_leader || calls->called > 0);
    if (waiter->previous_sleeper != NULL) {
        waiter->previous_sleeper->next_sleeper = waiter->next_sleeper;
    } else {
        calls->sleepers = waiter->next_sleeper;
    }
    if (waiter->next_sleeper != NULL) {
        waiter->next_sleeper->previous_sleeper = waiter->previous_sleeper;
    }
    calls->called -= waiter->is_called;
}

/*
 * The first is as good as any: it was called, or has its answer, and so is on its way. It reads the
 * socket, or leaves and hands over in turn.
 */
void
lode_waiters_hand_over_locked(struct lode_store_calls *calls)
{
    struct lode_waiter *waiter = calls->sleepers;
    lode_mutex_assert_held(&calls->mu);
    if (waiter != NULL && !calls->has_leader && calls->called == 0) {
        waiter->is_called = true;
        calls->called++;
        lode_cond_signal(&waiter->cond);
    }
}

/*
 * While threads sleep, one reads the socket, or one of them was called to do so and has not yet
 * come to it. So every thread that stops reading hands over before it gives the lock away.
 */
lode_err
lode_waiter_await_locked(struct lode_store_calls *calls, struct lode_waiter *waiter,
                         int64_t deadline)
{
    while (!is_done(waiter)) {
        if (atomic_load_explicit(&calls->socket.down, memory_order_relaxed)) {
            return LODE_EDOWN;
        }
        int64_t now = lode_now_ns();
        if (deadline <= now) {
            return LODE_ETIMEDOUT;
        }
        if (!calls->has_leader) {
            lead(calls, deadline);
        } else {
            int64_t slice_end = now + LODE_SLICE_NS;
            sleep_locked(calls, waiter, slice_end < deadline ? slice_end : deadline);
        }
    }
    return LODE_OK;
}
