#include "scheduler/store/store_async.h"

#include "api/base/clock.h"
#include "api/base/fail.h"
#include "api/cluster/files.h"
#include "api/base/lock.h"
#include "api/system/socket.h"
#include "api/layout/error_object.h"
#include "scheduler/core/parts/pool.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/queue.h>
#include <sys/socket.h>
#include <unistd.h>

enum { HELLO_TAG = 1, HELLO_S = 5, PACKETS_A_DISPATCH = 256, DISPATCH_NS = 1000000 };

/* A packet that the socket had no room for. */
struct queued {
    STAILQ_ENTRY(queued) link;
    size_t size;
    uint8_t bytes[];
};

struct lode_store_async {
    const struct lode_store_async_events *events;
    int fd, poll_fd;
    struct lode_mutex mu;
    STAILQ_HEAD(, queued) queue; /* mu */
    bool down;                   /* mu */
    uint8_t *buffer;             /* the dispatching thread's */
};

static lode_err
fail_down(void)
{
    return lode_fail_with(LODE_EDOWN, "the store has ended");
}

/* ---- opening ------------------------------------------------------------------------------ */

static lode_err
judge_welcome(const uint8_t *packet, size_t size, struct lode_msg_welcome *welcome_out)
{
    struct lode_msg_error error;
    if (size >= sizeof error && packet[0] == LODE_MSG_ERROR) {
        memcpy(&error, packet, sizeof error);
        return lode_fail_with(error.err == LODE_OK ? LODE_EPROTO : (lode_err)error.err, "%.*s",
                              (int)(size - sizeof error), (const char *)packet + sizeof error);
    }
    if (size != sizeof *welcome_out || packet[0] != LODE_MSG_WELCOME) {
        return lode_fail_with(LODE_EPROTO, "the store answers a hello with packet %u",
                              (unsigned)packet[0]);
    }
    memcpy(welcome_out, packet, size);
    return welcome_out->major == LODE_STORE_WIRE_MAJOR
               ? LODE_OK
               : lode_fail_with(LODE_EVERSION, "the store speaks version %u, this one %d",
                                (unsigned)welcome_out->major, LODE_STORE_WIRE_MAJOR);
}

static lode_err
say_hello(struct lode_store_async *async)
{
    struct lode_msg_hello hello = {
        .head = {.type = LODE_MSG_HELLO, .tag = HELLO_TAG},
        .magic = LODE_STORE_MAGIC,
        .major = LODE_STORE_WIRE_MAJOR,
        .minor = LODE_STORE_WIRE_MINOR,
        .flags = LODE_HELLO_SCHEDULER | LODE_HELLO_FENCED, /* it neither spends nor pins */
    };
    struct lode_msg_welcome welcome;
    struct timeval limit = {.tv_sec = HELLO_S};
    int fds[LODE_SOCKET_FDS_MAX];
    size_t size, fd_count = 0;
    if (setsockopt(async->fd, SOL_SOCKET, SO_RCVTIMEO, &limit, sizeof limit) != 0) {
        return lode_fail_errno("cannot set the timeout of the store's socket");
    }
    LODE_TRY(lode_socket_send(async->fd, &hello, sizeof hello, NULL, 0, NULL, 0));
    lode_err err = lode_socket_receive(async->fd, 0, async->buffer, LODE_STORE_PACKET_MAX, &size,
                                       fds, &fd_count);
    if (err == LODE_EAGAIN) {
        err = lode_fail_with(LODE_EDOWN, "the store does not answer within %d s", HELLO_S);
    }
    LODE_TRY(err);
    err = judge_welcome(async->buffer, size, &welcome);
    for (size_t i = 0; i < fd_count; i++) {
        close(fds[i]); /* this session reads no objects, and puts none by ring */
    }
    return err;
}

/* The events of the inner epoll: sending is asked for only while something is queued. */
static void
ask_for(struct lode_store_async *async, int operation, bool sending)
{
    struct epoll_event event = {.events = EPOLLIN | (sending ? EPOLLOUT : 0)};
    epoll_ctl(async->poll_fd, operation, async->fd, &event);
}

static lode_err
go_async(struct lode_store_async *async)
{
    int flags = fcntl(async->fd, F_GETFL);
    async->poll_fd = epoll_create1(EPOLL_CLOEXEC);
    if (flags < 0 || fcntl(async->fd, F_SETFL, flags | O_NONBLOCK) != 0 || async->poll_fd < 0) {
        return lode_fail_errno("cannot watch the store's socket");
    }
    ask_for(async, EPOLL_CTL_ADD, false);
    return LODE_OK;
}

static lode_err
open_session(struct lode_store_async *async, const struct lode_paths *paths)
{
    char path[LODE_PATH_MAX];
    LODE_TRY(lode_path_join(path, sizeof path, paths->dir, LODE_FILE_STORE_SOCKET));
    LODE_TRY(lode_socket_connect(path, &async->fd));
    LODE_TRY(say_hello(async));
    return go_async(async);
}

lode_err
lode_store_async_open(const struct lode_paths *paths, const struct lode_store_async_events *events,
                      struct lode_store_async **async_out)
{
    struct lode_store_async *async = calloc(1, sizeof *async);
    uint8_t *buffer = malloc(LODE_STORE_PACKET_MAX);
    if (async == NULL || buffer == NULL) {
        free(async);
        free(buffer);
        return lode_fail_with(LODE_ENOMEM, "no memory for a session with the store");
    }
    async->events = events;
    async->fd = async->poll_fd = -1;
    async->buffer = buffer;
    STAILQ_INIT(&async->queue);
    lode_mutex_init(&async->mu, LODE_LOCK_STORE_ASYNC);
    lode_err err = open_session(async, paths);
    if (err != LODE_OK) {
        lode_store_async_close(async);
        return err;
    }
    *async_out = async;
    return LODE_OK;
}

void
lode_store_async_close(struct lode_store_async *async)
{
    if (async == NULL) {
        return;
    }
    const int fds[] = {async->fd, async->poll_fd};
    for (size_t i = 0; i < sizeof fds / sizeof fds[0]; i++) {
        if (fds[i] >= 0) {
            close(fds[i]);
        }
    }
    while (!STAILQ_EMPTY(&async->queue)) {
        struct queued *first = STAILQ_FIRST(&async->queue);
        STAILQ_REMOVE_HEAD(&async->queue, link);
        free(first);
    }
    lode_mutex_fini(&async->mu);
    free(async->buffer);
    free(async);
}

int
lode_store_async_fd(const struct lode_store_async *async)
{
    return async->poll_fd;
}

/* ---- sending ------------------------------------------------------------------------------ */

static void
enqueue_locked(struct lode_store_async *async, const void *head, size_t head_size, const void *rest,
               size_t rest_size)
{
    struct queued *packet = core_alloc(sizeof *packet + head_size + rest_size);
    lode_mutex_assert_held(&async->mu);
    packet->size = head_size + rest_size;
    memcpy(packet->bytes, head, head_size);
    if (rest_size > 0) {
        memcpy(packet->bytes + head_size, rest, rest_size);
    }
    if (STAILQ_EMPTY(&async->queue)) {
        ask_for(async, EPOLL_CTL_MOD, true);
    }
    STAILQ_INSERT_TAIL(&async->queue, packet, link);
}

/*
 * What is queued goes first: order is kept. A packet for which the system has no room now is queued
 * too. If it has none for dispatch() either, the store counts as dead: no question stays unasked.
 */
static lode_err
send_locked(struct lode_store_async *async, const void *head, size_t head_size, const void *rest,
            size_t rest_size)
{
    lode_mutex_assert_held(&async->mu);
    if (async->down) {
        return fail_down();
    }
    lode_err err = LODE_EAGAIN;
    if (STAILQ_EMPTY(&async->queue)) {
        err = lode_socket_send(async->fd, head, head_size, rest, rest_size, NULL, 0);
    }
    if (err == LODE_OK || err == LODE_EDOWN) {
        return err;
    }
    enqueue_locked(async, head, head_size, rest, rest_size);
    return LODE_OK;
}

static lode_err
send_packet(struct lode_store_async *async, const void *head, size_t head_size, const void *rest,
            size_t rest_size)
{
    lode_mutex_lock(&async->mu);
    lode_err err = send_locked(async, head, head_size, rest, rest_size);
    lode_mutex_unlock(&async->mu);
    return err;
}

static lode_err
send_queued_locked(struct lode_store_async *async)
{
    lode_mutex_assert_held(&async->mu);
    while (!STAILQ_EMPTY(&async->queue)) {
        struct queued *first = STAILQ_FIRST(&async->queue);
        lode_err err = lode_socket_send(async->fd, first->bytes, first->size, NULL, 0, NULL, 0);
        if (err != LODE_OK) {
            return err == LODE_EAGAIN ? LODE_OK : err;
        }
        STAILQ_REMOVE_HEAD(&async->queue, link);
        free(first);
        if (STAILQ_EMPTY(&async->queue)) {
            ask_for(async, EPOLL_CTL_MOD, false);
        }
    }
    return LODE_OK;
}

lode_err
lode_store_async_watch(struct lode_store_async *async, uint64_t cookie, const lode_id *ids,
                       size_t count)
{
    struct lode_msg_watch msg = {.head.type = LODE_MSG_WATCH, .cookie = cookie};
    for (size_t i = 0; i < count; i += msg.count) {
        size_t left = count - i;
        msg.count = left < LODE_STORE_IDS_MAX ? (uint32_t)left : LODE_STORE_IDS_MAX;
        LODE_TRY(send_packet(async, &msg, sizeof msg, &ids[i], msg.count * sizeof ids[0]));
    }
    return LODE_OK;
}

lode_err
lode_store_async_unwatch(struct lode_store_async *async, uint64_t cookie, lode_id id)
{
    struct lode_msg_watch msg = {.head.type = LODE_MSG_UNWATCH, .cookie = cookie, .count = 1};
    return send_packet(async, &msg, sizeof msg, &id, sizeof id);
}

static lode_err
ask_settle(struct lode_store_async *async, enum lode_store_msg type, uint32_t tag, uint64_t session,
           const lode_id *ids, uint32_t count)
{
    struct lode_msg_settle msg = {
        .head = {.type = (uint8_t)type, .tag = tag}, .session = session, .count = count};
    if (tag == 0 || count > LODE_STORE_IDS_MAX) {
        return lode_fail_with(LODE_EINVAL, "at most %d ids are settled at once, with a tag",
                              LODE_STORE_IDS_MAX);
    }
    return send_packet(async, &msg, sizeof msg, ids, count * sizeof ids[0]);
}

lode_err
lode_store_async_settle(struct lode_store_async *async, uint32_t tag, uint64_t session,
                        const lode_id *ids, uint32_t count)
{
    return ask_settle(async, LODE_MSG_SETTLE, tag, session, ids, count);
}

lode_err
lode_store_async_results(struct lode_store_async *async, uint32_t tag, uint64_t session,
                         const lode_id *ids, uint32_t count)
{
    return ask_settle(async, LODE_MSG_RESULTS, tag, session, ids, count);
}

/*
 * The short form has no texts: it lies in the entry, and needs no other room.
 */
lode_err
lode_store_async_fail(struct lode_store_async *async, uint32_t tag, lode_id results, uint32_t count,
                      const void *bytes, uint32_t size)
{
    uint8_t rest[LODE_STORE_ERROR_MAX + LODE_ERROR_SHORT_BYTES];
    struct lode_msg_fail msg = {.head = {.type = LODE_MSG_FAIL, .tag = tag},
                                .results = results,
                                .count = count,
                                .size = size,
                                .short_size = LODE_ERROR_SHORT_BYTES};
    if (tag == 0 || size > LODE_STORE_ERROR_MAX) {
        return lode_fail_with(LODE_EINVAL, "an error object of %u bytes", (unsigned)size);
    }
    memcpy(rest, bytes, size);
    LODE_TRY(lode_error_object_shorten(bytes, size, rest + size));
    return send_packet(async, &msg, sizeof msg, rest, size + msg.short_size);
}

/* ---- receiving ---------------------------------------------------------------------------- */

/* The handlers check sizes: a store that lies must not make the scheduler read beyond a packet. */
static void
on_notify(struct lode_store_async *async, const uint8_t *packet, size_t size)
{
    struct lode_msg_watch msg;
    if (size < sizeof msg) {
        return;
    }
    memcpy(&msg, packet, sizeof msg);
    if ((size - sizeof msg) / sizeof(struct lode_msg_ready) >= msg.count) {
        async->events->ready(async->events->arg, msg.cookie, (const void *)(packet + sizeof msg),
                             msg.count);
    }
}

static void
on_settled(struct lode_store_async *async, const uint8_t *packet, size_t size)
{
    struct lode_msg_settle msg;
    if (size < sizeof msg) {
        return;
    }
    memcpy(&msg, packet, sizeof msg);
    if (size - sizeof msg >= msg.count) {
        async->events->settled(async->events->arg, msg.head.tag, msg.session, packet + sizeof msg,
                               msg.count);
    }
}

/*
 * Only fail() has answers that may be errors. A settle or results that is refused is a bug of ours;
 * the caller tells its tags apart.
 */
static void
on_error(struct lode_store_async *async, uint8_t *packet, size_t size)
{
    struct lode_msg_error msg;
    if (size < sizeof msg) {
        return;
    }
    memcpy(&msg, packet, sizeof msg);
    packet[size < LODE_STORE_PACKET_MAX ? size : LODE_STORE_PACKET_MAX - 1] = '\0';
    async->events->failed(async->events->arg, msg.head.tag,
                          msg.err == LODE_OK ? LODE_EPROTO : (lode_err)msg.err,
                          (const char *)packet + sizeof msg);
}

static void
handle(struct lode_store_async *async, uint8_t *packet, size_t size)
{
    struct lode_msg_head head;
    if (size < sizeof head) {
        return;
    }
    memcpy(&head, packet, sizeof head);
    switch (head.type) {
    case LODE_MSG_NOTIFY:
        on_notify(async, packet, size);
        break;
    case LODE_MSG_SETTLED:
        on_settled(async, packet, size);
        break;
    case LODE_MSG_OK:
        async->events->failed(async->events->arg, head.tag, LODE_OK, "");
        break;
    case LODE_MSG_ERROR:
        on_error(async, packet, size);
        break;
    default:
        break; /* a newer store's notice that nobody here asked for */
    }
}

static lode_err
go_down(struct lode_store_async *async)
{
    lode_mutex_lock(&async->mu);
    async->down = true;
    lode_mutex_unlock(&async->mu);
    return fail_down();
}

/*
 * A packet may tell of 2,048 ids, for each of which tasks wait. What is not read in a millisecond
 * is read in the next turn of the loop, after the events of others.
 */
lode_err
lode_store_async_dispatch(struct lode_store_async *async)
{
    int64_t end_ns = 0;
    for (int i = 0; i < PACKETS_A_DISPATCH; i++) {
        size_t size;
        lode_err err = lode_socket_receive(async->fd, MSG_DONTWAIT, async->buffer,
                                           LODE_STORE_PACKET_MAX, &size, NULL, NULL);
        if (err == LODE_EAGAIN) {
            break;
        }
        if (err != LODE_OK) {
            return go_down(async);
        }
        handle(async, async->buffer, size);
        int64_t now_ns = lode_now_ns();
        end_ns = i == 0 ? now_ns + DISPATCH_NS : end_ns;
        if (now_ns >= end_ns) {
            break;
        }
    }
    lode_mutex_lock(&async->mu);
    lode_err err = send_queued_locked(async);
    lode_mutex_unlock(&async->mu);
    return err == LODE_OK ? LODE_OK : go_down(async);
}
