#include "api/client/channel/store_calls.h"

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
lode_store_calls_init(struct lode_store_calls *calls)
{
    *calls = (struct lode_store_calls){.bell_fd = -1};
    calls->buffer = malloc(LODE_STORE_PACKET_MAX);
    if (calls->buffer == NULL) {
        return lode_fail_with(LODE_ENOMEM, "no memory for a session");
    }
    lode_mutex_init(&calls->mu, LODE_LOCK_STORE_CALLS);
    lode_store_socket_init(&calls->socket);
    return LODE_OK;
}

/* A receive comes back after a slice, so that its thread can look whether the store lives. */
lode_err
lode_store_calls_start(struct lode_store_calls *calls)
{
    struct timeval slice = {.tv_sec = SLICE_MS / 1000};
    if (setsockopt(calls->socket.fd, SOL_SOCKET, SO_RCVTIMEO, &slice, sizeof slice) != 0) {
        return lode_fail_errno("cannot set the timeout of the store's socket");
    }
    return LODE_OK;
}

void
lode_store_calls_fini(struct lode_store_calls *calls)
{
    LODE_ASSERT(calls->first == NULL);
    lode_store_socket_fini(&calls->socket);
    lode_lates_clear(&calls->lates);
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

void
lode_store_ring_bell(struct lode_store_calls *calls)
{
    static const uint64_t ONCE = 1;
    if (write(calls->bell_fd, &ONCE, sizeof ONCE) < 0 && errno != EAGAIN) {
        atomic_store_explicit(&calls->socket.down, true, memory_order_relaxed);
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

/* ---- what comes in ------------------------------------------------------------------------ */

struct packet {
    const uint8_t *bytes;
    size_t size;
    int *fds;
    size_t fd_count;
    bool fds_lost; /* some came for which this process had no number */
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
            for (struct lode_waiter *w = calls->first; w != NULL; w = w->next) {
                if (w->watch == NULL && w->tag == head.tag) {
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
    if (deadline != LODE_NEVER && deadline - lode_now_ns() < SLICE_NS) {
        poll(&at, 1, (int)lode_remaining_ms(deadline));
        flags = MSG_DONTWAIT;
    }
    lode_err err = receive(calls, flags, &packet);
    lode_mutex_lock(&calls->mu);
    calls->has_leader = false;
    if (err == LODE_OK) {
        dispatch_locked(calls, &packet);
    } else if (err != LODE_EAGAIN) {
        atomic_store_explicit(&calls->socket.down, true, memory_order_relaxed);
        wake_all_locked(calls);
    }
}

/* Reads what has come, unless another thread reads. */
static void
read_come_locked(struct lode_store_calls *calls)
{
    int fds[LODE_SOCKET_FDS_MAX];
    struct packet packet = {.bytes = calls->buffer, .fds = fds};
    lode_mutex_assert_held(&calls->mu);
    while (!calls->has_leader && receive(calls, MSG_DONTWAIT, &packet) == LODE_OK) {
        dispatch_locked(calls, &packet);
    }
}

/* Ends what came with answers to questions that were given up. Waits for nothing. */
static void
undo_lates(struct lode_store_calls *calls)
{
    if (!atomic_load_explicit(&calls->has_lates, memory_order_relaxed)) {
        return;
    }
    lode_mutex_lock(&calls->mu);
    read_come_locked(calls);
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
judge(const struct lode_reply *reply, const struct lode_reply *wanted)
{
    const struct lode_msg_head *head = reply->packet;
    if (head->type == LODE_MSG_ERROR) {
        struct packet packet = {.bytes = reply->packet, .size = reply->size};
        return fail_from(&packet);
    }
    if (head->type != wanted->type) {
        return lode_fail_with(LODE_EPROTO, "the store answered with a packet %u instead of %u",
                              (unsigned)head->type, (unsigned)wanted->type);
    }
    if (wanted->packet != NULL &&
        (wanted->exactly ? reply->size != wanted->room : reply->size > wanted->room)) {
        return lode_fail_with(LODE_EPROTO, "the store's packet %u has %zu bytes, not %zu",
                              (unsigned)head->type, reply->size, wanted->room);
    }
    if (reply->fd_count != wanted->fds_wanted) {
        return lode_fail_with(LODE_EPROTO, "the store's packet %u brings %zu descriptors, not %zu",
                              (unsigned)head->type, reply->fd_count, wanted->fds_wanted);
    }
    return LODE_OK;
}

/*
 * The answer to an EXPIRE is the question's own: LODE_EFULL, unless room has come just before. A
 * store that is stopped is told later.
 */
static void
look_whether_interrupted(struct lode_store_calls *calls, const struct lode_waiter *waiter)
{
    struct lode_msg_head msg = {.type = LODE_MSG_EXPIRE, .tag = waiter->tag};
    if (!waiter->reply->is_interrupted && lode_hooks_interrupted(waiter->reply->hooks) != LODE_OK) {
        waiter->reply->is_interrupted = true;
        lode_store_owe(&calls->socket, &msg, sizeof msg, waiter->reply->answer_by);
    }
}

static lode_err
await_answer_locked(struct lode_store_calls *calls, struct lode_waiter *waiter)
{
    int64_t answer_by = waiter->reply->answer_by;
    while (waiter->reply->hooks != NULL) {
        int64_t slice_end = lode_now_ns() + SLICE_NS;
        if (slice_end >= answer_by) {
            break;
        }
        lode_err err = await_locked(calls, waiter, slice_end);
        if (err != LODE_ETIMEDOUT) {
            return err;
        }
        lode_mutex_unlock(&calls->mu);
        look_whether_interrupted(calls, waiter);
        lode_mutex_lock(&calls->mu);
    }
    return await_locked(calls, waiter, answer_by);
}

static lode_err
ask_into(struct lode_store_calls *calls, struct lode_waiter *waiter, struct lode_msg_head *request,
         size_t request_size, const void *rest, size_t rest_size)
{
    struct lode_reply *reply = waiter->reply;
    lode_mutex_lock(&calls->mu);
    link_locked(calls, waiter);
    lode_mutex_unlock(&calls->mu);
    lode_err err =
        lode_store_send(&calls->socket, request, request_size, rest, rest_size, reply->answer_by);
    lode_mutex_lock(&calls->mu);
    reply->sent = err == LODE_OK;
    if (reply->sent) {
        err = await_answer_locked(calls, waiter);
    }
    unlink_locked(calls, waiter);
    hand_over_locked(calls);
    if (reply->sent && err == LODE_ETIMEDOUT) {
        lode_lates_note(&calls->lates, waiter->tag, reply->late, reply->late_id);
        atomic_store_explicit(&calls->has_lates, true, memory_order_relaxed);
    }
    lode_mutex_unlock(&calls->mu);
    if (reply->sent && err != LODE_OK) {
        return err == LODE_EDOWN ? lode_store_down() : lode_store_late(&calls->socket);
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
    LODE_DEBUG_ASSERT(reply->answer_by != 0);
    undo_lates(calls);
    struct lode_waiter waiter = {.tag = draw_tag(calls), .reply = &inner};
    request->tag = waiter.tag;
    lode_cond_init(&waiter.cond);
    lode_err err = ask_into(calls, &waiter, request, request_size, rest, rest_size);
    lode_cond_fini(&waiter.cond);
    undo_lates(calls);
    reply->sent = inner.sent;
    reply->is_interrupted = inner.is_interrupted;
    LODE_TRY(err);
    if (waiter.err == LODE_ELIMIT) {
        return lode_socket_fail_lost();
    }
    if (waiter.err != LODE_OK) {
        return lode_fail_with(LODE_EPROTO, "the store's answer is larger than %zu bytes",
                              inner.room);
    }
    err = judge(&inner, reply);
    if (err != LODE_OK) {
        lode_socket_close_fds(inner.fds, inner.fd_count);
        return err;
    }
    if (inner.packet == &scratch && reply->packet != NULL) {
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
                       size_t answer_size, int64_t answer_by)
{
    struct lode_reply reply = {.type = type,
                               .packet = answer,
                               .room = answer_size,
                               .exactly = true,
                               .answer_by = answer_by};
    return lode_store_ask(calls, request, request_size, NULL, 0, &reply);
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
    undo_lates(calls);
    return err == LODE_EDOWN ? lode_store_down() : err;
}
