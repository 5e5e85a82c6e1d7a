#include "api/client/session/store_calls.h"

#include "api/base/assert.h"
#include "api/base/clock.h"
#include "api/base/fail.h"

#include <errno.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

enum { SLICE_NS = 1000000000, SLICE_MS = 1000 };

lode_err
lode_store_down(void)
{
    return lode_fail_with(LODE_EDOWN,
                          "the store has ended, or has ended this session: open a new one");
}

lode_err
lode_store_calls_init(struct lode_store_calls *calls)
{
    *calls = (struct lode_store_calls){.fd = -1, .bell_fd = -1};
    calls->buffer = malloc(LODE_STORE_PACKET_MAX);
    if (calls->buffer == NULL) {
        return lode_fail_with(LODE_ENOMEM, "no memory for a session");
    }
    lode_mutex_init(&calls->mu, LODE_LOCK_STORE_CALLS);
    return LODE_OK;
}

/* Blocking calls come back after a slice, so that no thread hangs because the store is stuck. */
lode_err
lode_store_calls_start(struct lode_store_calls *calls)
{
    struct timeval slice = {.tv_sec = SLICE_MS / 1000};
    if (setsockopt(calls->fd, SOL_SOCKET, SO_RCVTIMEO, &slice, sizeof slice) != 0 ||
        setsockopt(calls->fd, SOL_SOCKET, SO_SNDTIMEO, &slice, sizeof slice) != 0) {
        return lode_fail_errno("cannot set the timeouts of the store's socket");
    }
    return LODE_OK;
}

void
lode_store_calls_fini(struct lode_store_calls *calls)
{
    LODE_ASSERT(calls->first == NULL);
    if (calls->fd >= 0) {
        close(calls->fd);
    }
    if (calls->bell_fd >= 0) {
        close(calls->bell_fd);
    }
    lode_mutex_fini(&calls->mu);
    free(calls->buffer);
}

uint64_t
lode_store_cookie(struct lode_store_calls *calls)
{
    return atomic_fetch_add_explicit(&calls->next_cookie, 1, memory_order_relaxed) + 1;
}

bool
lode_store_is_dead(struct lode_store_calls *calls)
{
    struct pollfd at = {.fd = calls->fd, .events = POLLRDHUP};
    if (atomic_load_explicit(&calls->down, memory_order_relaxed)) {
        return true;
    }
    if (poll(&at, 1, 0) > 0 && (at.revents & (POLLRDHUP | POLLHUP | POLLERR)) != 0) {
        atomic_store_explicit(&calls->down, true, memory_order_relaxed);
    }
    return atomic_load_explicit(&calls->down, memory_order_relaxed);
}

static lode_err
fail_late(void)
{
    return lode_fail_with(LODE_ETIMEDOUT,
                          "the store has not answered in time: it is stopped, or very busy");
}

/* A store that does not read fills the socket: the sender sleeps in slices. */
static lode_err
send_packet(struct lode_store_calls *calls, const void *head, size_t head_size, const void *rest,
            size_t rest_size, int64_t deadline)
{
    for (;;) {
        lode_err err = lode_socket_send(calls->fd, head, head_size, rest, rest_size, NULL, 0);
        if (err == LODE_EDOWN) {
            atomic_store_explicit(&calls->down, true, memory_order_relaxed);
            return lode_store_down();
        }
        if (err != LODE_EAGAIN) {
            return err;
        }
        if (lode_store_is_dead(calls)) {
            return lode_store_down();
        }
        if (deadline <= lode_now_ns()) {
            return fail_late();
        }
    }
}

lode_err
lode_store_tell(struct lode_store_calls *calls, const void *packet, size_t size)
{
    return send_packet(calls, packet, size, NULL, 0, LODE_NEVER);
}

void
lode_store_tell_abort(struct lode_store_calls *calls, uint32_t entry, uint64_t generation)
{
    struct lode_msg_draft msg = {
        .head.type = LODE_MSG_ABORT, .entry = entry, .generation = generation};
    (void)!lode_store_tell(calls, &msg, sizeof msg);
}

void
lode_store_ring_bell(struct lode_store_calls *calls)
{
    static const uint64_t ONCE = 1;
    if (write(calls->bell_fd, &ONCE, sizeof ONCE) < 0 && errno != EAGAIN) {
        atomic_store_explicit(&calls->down, true, memory_order_relaxed);
    }
}

/* ---- waiters ------------------------------------------------------------------------------ */

static void
link_locked(struct lode_store_calls *calls, struct lode_waiter *waiter)
{
    lode_mutex_assert_held(&calls->mu);
    waiter->previous = NULL;
    waiter->next = calls->first;
    if (calls->first != NULL) {
        calls->first->previous = waiter;
    }
    calls->first = waiter;
}

static void
unlink_locked(struct lode_store_calls *calls, struct lode_waiter *waiter)
{
    lode_mutex_assert_held(&calls->mu);
    if (waiter->previous != NULL) {
        waiter->previous->next = waiter->next;
    } else {
        calls->first = waiter->next;
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
    for (struct lode_waiter *w = calls->first; w != NULL; w = w->next) {
        lode_cond_signal(&w->cond);
    }
}

static void
close_fds(const int *fds, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        close(fds[i]);
    }
}

/* ---- what comes in ------------------------------------------------------------------------ */

struct packet {
    const uint8_t *bytes;
    size_t size;
    int *fds;
    size_t fd_count;
};

static lode_err
fail_from(const struct packet *packet)
{
    struct lode_msg_error msg;
    if (packet->size < sizeof msg) {
        return lode_fail_with(LODE_EPROTO, "the store sent an error of %zu bytes", packet->size);
    }
    memcpy(&msg, packet->bytes, sizeof msg);
    int length = (int)(packet->size - sizeof msg);
    if (msg.err == LODE_OK) {
        return lode_fail_with(LODE_EPROTO, "the store sent an error without a number");
    }
    return lode_fail_with((lode_err)msg.err, "%.*s", length,
                          (const char *)packet->bytes + sizeof msg);
}

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
        close_fds(packet->fds, packet->fd_count);
    } else {
        if (reply->packet != NULL) {
            memcpy(reply->packet, packet->bytes, packet->size);
        }
        reply->size = packet->size;
        memcpy(reply->fds, packet->fds, packet->fd_count * sizeof packet->fds[0]);
        reply->fd_count = packet->fd_count;
        waiter->err = LODE_OK;
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
    for (struct lode_waiter *w = calls->first; w != NULL; w = w->next) {
        if (w->watch != NULL && w->watch->cookie == msg.cookie) {
            w->watch->notify(w->watch, (const void *)(packet->bytes + sizeof msg), msg.count);
            if (w->watch->done) {
                lode_cond_signal(&w->cond);
            }
            return;
        }
    }
}

/* An answer without a waiter, whose question was given up, is dropped. */
static void
dispatch_locked(struct lode_store_calls *calls, const struct packet *packet)
{
    struct lode_msg_head head;
    if (packet->size >= sizeof head) {
        memcpy(&head, packet->bytes, sizeof head);
        if (head.type == LODE_MSG_NOTIFY) {
            notify_locked(calls, packet);
        } else {
            for (struct lode_waiter *w = calls->first; w != NULL; w = w->next) {
                if (w->watch == NULL && w->tag == head.tag) {
                    answer_locked(w, packet);
                    return;
                }
            }
        }
    }
    close_fds(packet->fds, packet->fd_count);
}

/* The leader receives one packet, or sleeps for a slice. It does not hold the lock meanwhile. */
static void
lead(struct lode_store_calls *calls, int64_t deadline)
{
    int fds[LODE_SOCKET_FDS_MAX];
    struct packet packet = {.bytes = calls->buffer, .fds = fds};
    struct pollfd at = {.fd = calls->fd, .events = POLLIN};
    calls->has_leader = true;
    lode_mutex_unlock(&calls->mu);
    int flags = 0;
    if (deadline != LODE_NEVER && deadline - lode_now_ns() < SLICE_NS) {
        poll(&at, 1, (int)lode_remaining_ms(deadline));
        flags = MSG_DONTWAIT;
    }
    lode_err err = lode_socket_receive(calls->fd, flags, calls->buffer, LODE_STORE_PACKET_MAX,
                                       &packet.size, fds, &packet.fd_count);
    lode_mutex_lock(&calls->mu);
    calls->has_leader = false;
    if (err == LODE_OK) {
        dispatch_locked(calls, &packet);
    } else if (err != LODE_EAGAIN) {
        atomic_store_explicit(&calls->down, true, memory_order_relaxed);
        wake_all_locked(calls);
    }
}

/* Wakes another thread that waits: it must read the socket from now on. */
static void
hand_over_locked(struct lode_store_calls *calls)
{
    for (struct lode_waiter *w = calls->first; w != NULL && !calls->has_leader; w = w->next) {
        if (w->sleeping) {
            lode_cond_signal(&w->cond);
            return;
        }
    }
}

static lode_err
await_locked(struct lode_store_calls *calls, struct lode_waiter *waiter, int64_t deadline)
{
    while (!is_done(waiter)) {
        if (atomic_load_explicit(&calls->down, memory_order_relaxed)) {
            return LODE_EDOWN;
        }
        int64_t now = lode_now_ns();
        if (deadline <= now) {
            return LODE_ETIMEDOUT;
        }
        if (!calls->has_leader) {
            lead(calls, deadline);
        } else {
            int64_t slice_end = now + SLICE_NS;
            waiter->sleeping = true;
            lode_cond_wait(&waiter->cond, &calls->mu, slice_end < deadline ? slice_end : deadline);
            waiter->sleeping = false;
        }
    }
    return LODE_OK;
}

/* ---- questions ---------------------------------------------------------------------------- */

static uint32_t
draw_tag(struct lode_store_calls *calls)
{
    uint32_t tag;
    do {
        tag = atomic_fetch_add_explicit(&calls->next_tag, 1, memory_order_relaxed) + 1;
    } while (tag == 0);
    return tag;
}

static lode_err
judge(const struct lode_reply *reply, const void *bytes)
{
    const struct lode_msg_head *head = bytes;
    if (head->type == LODE_MSG_ERROR) {
        struct packet packet = {.bytes = bytes, .size = reply->size};
        close_fds(reply->fds, reply->fd_count);
        return fail_from(&packet);
    }
    if (head->type != reply->type) {
        close_fds(reply->fds, reply->fd_count);
        return lode_fail_with(LODE_EPROTO, "the store answered with a packet %u instead of %u",
                              (unsigned)head->type, (unsigned)reply->type);
    }
    return LODE_OK;
}

static lode_err
ask_into(struct lode_store_calls *calls, struct lode_waiter *waiter, struct lode_msg_head *request,
         size_t request_size, const void *rest, size_t rest_size)
{
    int64_t deadline = waiter->reply->deadline != 0 ? waiter->reply->deadline : LODE_NEVER;
    lode_mutex_lock(&calls->mu);
    link_locked(calls, waiter);
    lode_mutex_unlock(&calls->mu);
    lode_err err = send_packet(calls, request, request_size, rest, rest_size, deadline);
    lode_mutex_lock(&calls->mu);
    bool sent = err == LODE_OK;
    if (sent) {
        err = await_locked(calls, waiter, deadline);
    }
    unlink_locked(calls, waiter);
    hand_over_locked(calls);
    lode_mutex_unlock(&calls->mu);
    if (sent && err != LODE_OK) {
        return err == LODE_EDOWN ? lode_store_down() : fail_late();
    }
    return err;
}

lode_err
lode_store_ask(struct lode_store_calls *calls, struct lode_msg_head *request, size_t request_size,
               const void *rest, size_t rest_size, struct lode_reply *reply)
{
    /* Room for any error's text, also where the caller wants nothing or little. */
    struct {
        struct lode_msg_error msg;
        char text[1024];
    } scratch;
    struct lode_reply inner = *reply;
    if (reply->room < sizeof scratch) {
        inner.packet = &scratch;
        inner.room = sizeof scratch;
    }
    struct lode_waiter waiter = {.tag = draw_tag(calls), .reply = &inner};
    request->tag = waiter.tag;
    lode_cond_init(&waiter.cond);
    lode_err err = ask_into(calls, &waiter, request, request_size, rest, rest_size);
    lode_cond_fini(&waiter.cond);
    LODE_TRY(err);
    if (waiter.err != LODE_OK) {
        return lode_fail_with(LODE_EPROTO, "the store's answer is larger than %zu bytes",
                              inner.room);
    }
    LODE_TRY(judge(&inner, inner.packet));
    if (inner.packet == &scratch && reply->packet != NULL) {
        if (inner.size > reply->room) {
            close_fds(inner.fds, inner.fd_count);
            return lode_fail_with(LODE_EPROTO, "the store's answer has %zu bytes, not %zu",
                                  inner.size, reply->room);
        }
        memcpy(reply->packet, &scratch, inner.size);
    }
    reply->size = inner.size;
    reply->fd_count = inner.fd_count;
    memcpy(reply->fds, inner.fds, sizeof reply->fds);
    return LODE_OK;
}

lode_err
lode_store_ask_exactly(struct lode_store_calls *calls, struct lode_msg_head *request,
                       size_t request_size, enum lode_store_msg type, void *answer,
                       size_t answer_size)
{
    return lode_store_ask_exactly_until(calls, request, request_size, type, answer, answer_size,
                                        LODE_NEVER);
}

lode_err
lode_store_ask_exactly_until(struct lode_store_calls *calls, struct lode_msg_head *request,
                             size_t request_size, enum lode_store_msg type, void *answer,
                             size_t answer_size, int64_t deadline)
{
    struct lode_reply reply = {
        .type = type, .packet = answer, .room = answer_size, .deadline = deadline};
    LODE_TRY(lode_store_ask(calls, request, request_size, NULL, 0, &reply));
    close_fds(reply.fds, reply.fd_count);
    if (answer != NULL && reply.size != answer_size) {
        return lode_fail_with(LODE_EPROTO, "the store's packet %u has %zu bytes, not %zu",
                              (unsigned)type, reply.size, answer_size);
    }
    return LODE_OK;
}

/* ---- watches ------------------------------------------------------------------------------ */

void
lode_store_watch_add(struct lode_store_calls *calls, struct lode_waiter *waiter,
                     struct lode_watch *watch)
{
    *waiter = (struct lode_waiter){.watch = watch};
    lode_cond_init(&waiter->cond);
    lode_mutex_lock(&calls->mu);
    link_locked(calls, waiter);
    lode_mutex_unlock(&calls->mu);
}

void
lode_store_watch_remove(struct lode_store_calls *calls, struct lode_waiter *waiter)
{
    lode_mutex_lock(&calls->mu);
    unlink_locked(calls, waiter);
    hand_over_locked(calls);
    lode_mutex_unlock(&calls->mu);
    lode_cond_fini(&waiter->cond);
}

lode_err
lode_store_watch_wait(struct lode_store_calls *calls, struct lode_waiter *waiter, int64_t deadline)
{
    lode_mutex_lock(&calls->mu);
    lode_err err = await_locked(calls, waiter, deadline);
    hand_over_locked(calls);
    lode_mutex_unlock(&calls->mu);
    return err == LODE_EDOWN ? lode_store_down() : err;
}
