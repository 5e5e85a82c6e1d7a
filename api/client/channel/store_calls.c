#include "api/client/channel/store_calls.h"

#include "api/base/assert.h"
#include "api/base/clock.h"
#include "api/base/fail.h"
#include "api/client/channel/waiters.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

/* Between two looks whether the task is cancelled: a call in it ends within a second after that. */
enum { LOOK_NS = 800000000 };

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
    struct timeval slice = {.tv_sec = LODE_SLICE_NS / 1000000000};
    if (setsockopt(calls->socket.fd, SOL_SOCKET, SO_RCVTIMEO, &slice, sizeof slice) != 0) {
        return lode_fail_errno("cannot set the timeout of the store's socket");
    }
    return LODE_OK;
}

void
lode_store_calls_fini(struct lode_store_calls *calls)
{
    LODE_ASSERT(calls->asking == NULL);
    LODE_ASSERT(calls->sleepers == NULL);
    lode_watches_fini(&calls->watches);
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

void
lode_store_nudge(struct lode_store_calls *calls)
{
    struct lode_msg_watch nothing = {.head = {.type = LODE_MSG_WATCH, .tag = draw_tag(calls)}};
    lode_err err = lode_store_send(&calls->socket, &nothing, sizeof nothing, NULL, 0, 0);
    (void)err; /* a store that reads nothing answers nothing: the reader looks up by itself then */
}

static lode_err
fail_from(const struct lode_reply *reply)
{
    struct lode_msg_error msg;
    if (reply->size < sizeof msg) {
        return lode_fail_with(LODE_EPROTO, "the store sent an error of %zu bytes", reply->size);
    }
    memcpy(&msg, reply->packet, sizeof msg);
    int length = (int)(reply->size - sizeof msg);
    if (msg.err == LODE_OK) {
        return lode_fail_with(LODE_EPROTO, "the store sent an error without a number");
    }
    return lode_fail_with((lode_err)msg.err, "%.*s", length,
                          (const char *)reply->packet + sizeof msg);
}

static lode_err
judge(const struct lode_reply *reply, const struct lode_reply *wanted)
{
    const struct lode_msg_head *head = reply->packet;
    if (head->type == LODE_MSG_ERROR) {
        return fail_from(reply);
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
        int64_t slice_end = lode_now_ns() + LOOK_NS;
        if (slice_end >= answer_by) {
            break;
        }
        lode_err err = lode_waiter_await_locked(calls, waiter, slice_end);
        if (err != LODE_ETIMEDOUT) {
            return err;
        }
        lode_waiters_hand_over_locked(calls);
        lode_mutex_unlock(&calls->mu);
        look_whether_interrupted(calls, waiter);
        lode_mutex_lock(&calls->mu);
    }
    return lode_waiter_await_locked(calls, waiter, answer_by);
}

static lode_err
ask_into(struct lode_store_calls *calls, struct lode_waiter *waiter, struct lode_msg_head *request,
         size_t request_size, const void *rest, size_t rest_size)
{
    struct lode_reply *reply = waiter->reply;
    lode_mutex_lock(&calls->mu);
    lode_waiter_link_locked(calls, waiter);
    lode_mutex_unlock(&calls->mu);
    lode_err err =
        lode_store_send(&calls->socket, request, request_size, rest, rest_size, reply->answer_by);
    lode_mutex_lock(&calls->mu);
    reply->sent = err == LODE_OK;
    if (reply->sent) {
        err = await_answer_locked(calls, waiter);
    }
    lode_waiter_unlink_locked(calls, waiter);
    lode_waiters_hand_over_locked(calls);
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
    lode_waiters_undo_lates(calls);
    struct lode_waiter waiter = {.tag = draw_tag(calls), .reply = &inner};
    request->tag = waiter.tag;
    lode_cond_init(&waiter.cond);
    lode_err err = ask_into(calls, &waiter, request, request_size, rest, rest_size);
    lode_cond_fini(&waiter.cond);
    lode_waiters_undo_lates(calls);
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
    watch->waiter = waiter;
    lode_cond_init(&waiter->cond);
    lode_mutex_lock(&calls->mu);
    lode_watches_add(&calls->watches, watch);
    lode_mutex_unlock(&calls->mu);
}

void
lode_store_watch_remove(struct lode_store_calls *calls, struct lode_waiter *waiter)
{
    lode_mutex_lock(&calls->mu);
    lode_watches_remove(&calls->watches, waiter->watch);
    lode_mutex_unlock(&calls->mu);
    lode_cond_fini(&waiter->cond);
}

lode_err
lode_store_watch_wait(struct lode_store_calls *calls, struct lode_waiter *waiter, int64_t deadline)
{
    lode_mutex_lock(&calls->mu);
    lode_err err = lode_waiter_await_locked(calls, waiter, deadline);
    lode_waiters_hand_over_locked(calls);
    lode_mutex_unlock(&calls->mu);
    lode_waiters_undo_lates(calls);
    return err == LODE_EDOWN ? lode_store_down() : err;
}
