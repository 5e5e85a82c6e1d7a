/* A session for an event loop; the test plays the store, slowly. */
#include "scheduler/store/store_async.h"

#include "api/base/clock.h"
#include "api/cluster/files.h"
#include "api/system/socket.h"
#include "api/layout/error_object.h"
#include "api/layout/index.h"
#include "tests/support/scratch.h"

#include <criterion/criterion.h>
#include <poll.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <unistd.h>

enum { IDS = 100000, SESSION = 42 };

static struct lode_paths paths;
static struct lode_store_async *async;
static int listener, store;

/* What the callbacks were told. */
static struct {
    int64_t takes_ns; /* so long a notice takes */
    uint64_t cookie;
    uint32_t ready, settled, tag;
    uint8_t status[4];
    lode_err put_err;
    char why[64];
} told;

static void
on_ready(void *arg, uint64_t cookie, const struct lode_msg_ready *ready, uint32_t count)
{
    cr_assert_eq(arg, &told);
    cr_assert_eq(ready[0].status, LODE_FOUND_SEALED);
    told.cookie = cookie;
    told.ready += count;
    for (int64_t end = lode_now_ns() + told.takes_ns; lode_now_ns() < end;) {
    }
}

static void
on_settled(void *arg, uint32_t tag, uint64_t session, const uint8_t *status, uint32_t count)
{
    (void)arg;
    cr_assert_eq(session, 7);
    told.tag = tag;
    told.settled = count;
    memcpy(told.status, status, count);
}

static void
on_put(void *arg, uint32_t tag, lode_err err, const char *why)
{
    (void)arg;
    told.tag = tag;
    told.put_err = err;
    snprintf(told.why, sizeof told.why, "%s", why);
}

static const struct lode_store_async_events events = {&told, on_ready, on_settled, on_put};

/* Accepts one session and answers its hello. */
static void *
welcome(void *arg)
{
    struct lode_msg_hello hello;
    struct lode_msg_welcome answer = {
        .head.type = LODE_MSG_WELCOME, .major = LODE_STORE_WIRE_MAJOR, .session = SESSION};
    int fds[2] = {memfd_create("index", 0), memfd_create("session", 0)};
    struct pollfd at = {.fd = listener, .events = POLLIN};
    (void)arg;
    poll(&at, 1, -1);
    store = accept(listener, NULL, NULL);
    cr_assert_eq(recv(store, &hello, sizeof hello, 0), (ssize_t)sizeof hello);
    cr_assert_eq(hello.flags, LODE_HELLO_SCHEDULER | LODE_HELLO_FENCED);
    answer.head.tag = hello.head.tag;
    cr_assert_eq(lode_socket_send(store, &answer, sizeof answer, NULL, 0, fds, 2), LODE_OK);
    close(fds[0]);
    close(fds[1]);
    return NULL;
}

static void
setup(void)
{
    char path[LODE_PATH_MAX];
    pthread_t thread;
    memset(&told, 0, sizeof told);
    snprintf(paths.dir, sizeof paths.dir, "/tmp/lode-async-XXXXXX");
    scratch_dir(paths.dir);
    cr_assert_eq(lode_path_join(path, sizeof path, paths.dir, LODE_FILE_STORE_SOCKET), LODE_OK);
    cr_assert_eq(lode_socket_listen(path, &listener), LODE_OK);
    pthread_create(&thread, NULL, welcome, NULL);
    cr_assert_eq(lode_store_async_open(&paths, &events, &async), LODE_OK, "%s", lode_last_error());
    pthread_join(thread, NULL);
}

static void
teardown(void)
{
    char path[LODE_PATH_MAX];
    lode_store_async_close(async);
    close(store);
    close(listener);
    cr_assert_eq(lode_path_join(path, sizeof path, paths.dir, LODE_FILE_STORE_SOCKET), LODE_OK);
    unlink(path);
    rmdir(paths.dir);
}

TestSuite(store_async, .init = setup, .fini = teardown, .timeout = 60);

static bool
wants_dispatch(int timeout_ms)
{
    struct pollfd at = {.fd = lode_store_async_fd(async), .events = POLLIN};
    return poll(&at, 1, timeout_ms) == 1;
}

static void
dispatch_all(void)
{
    while (wants_dispatch(0)) {
        cr_assert_eq(lode_store_async_dispatch(async), LODE_OK);
    }
}

Test(store_async, it_is_idle_at_first)
{
    cr_assert_not(wants_dispatch(0));
    cr_assert_eq(lode_store_async_dispatch(async), LODE_OK);
}

/* Reads watches until all ids have come, and checks their order. */
static void *
read_slowly(void *arg)
{
    static struct {
        struct lode_msg_watch head;
        lode_id ids[LODE_STORE_IDS_MAX];
    } packet;
    uint64_t next = 0;
    atomic_bool *all_came = arg;
    while (next < IDS) {
        ssize_t got = recv(store, &packet, sizeof packet, 0);
        cr_assert_eq(got, (ssize_t)(sizeof packet.head + packet.head.count * sizeof(lode_id)));
        cr_assert_eq(packet.head.cookie, 9);
        for (uint32_t i = 0; i < packet.head.count; i++, next++) {
            uint64_t number;
            memcpy(&number, packet.ids[i].byte, sizeof number);
            cr_assert_eq(number, next);
        }
    }
    atomic_store(all_came, true);
    return NULL;
}

Test(store_async, sends_never_block_and_keep_their_order)
{
    pthread_t thread;
    atomic_bool all_came = false;
    lode_id *ids = calloc(IDS, sizeof *ids);
    for (uint64_t i = 0; i < IDS; i++) {
        memcpy(ids[i].byte, &i, sizeof i);
    }
    /* Far more than a socket holds, and nobody reads. */
    cr_assert_eq(lode_store_async_watch(async, 9, ids, IDS), LODE_OK);
    cr_assert_not(wants_dispatch(0), "the socket is full: there is nothing to do");
    pthread_create(&thread, NULL, read_slowly, &all_came);
    while (!atomic_load(&all_came)) { /* the reader may be without a CPU for any time */
        if (wants_dispatch(10)) {
            cr_assert_eq(lode_store_async_dispatch(async), LODE_OK);
        }
    }
    pthread_join(thread, NULL);
    cr_assert_not(wants_dispatch(0), "nothing is queued any more");
    free(ids);
}

Test(store_async, answers_come_as_callbacks)
{
    struct {
        struct lode_msg_watch head;
        struct lode_msg_ready ready[2];
    } notify = {.head = {.head.type = LODE_MSG_NOTIFY, .cookie = 5, .count = 2},
                .ready = {{.status = LODE_FOUND_SEALED}, {.status = LODE_FOUND_GONE}}};
    struct {
        struct lode_msg_settle head;
        uint8_t status[3];
    } settled = {.head = {.head = {.type = LODE_MSG_SETTLED, .tag = 8}, .session = 7, .count = 3},
                 .status = {LODE_FOUND_SEALED, LODE_FOUND_PENDING, LODE_FOUND_GONE}};
    send(store, &notify, sizeof notify, 0);
    send(store, &settled, sizeof settled.head + 3, 0);
    cr_assert(wants_dispatch(1000));
    dispatch_all();
    cr_assert_eq(told.cookie, 5);
    cr_assert_eq(told.ready, 2);
    cr_assert_eq(told.tag, 8);
    cr_assert_eq(told.settled, 3);
    cr_assert_arr_eq(told.status, settled.status, 3);
}

Test(store_async, what_takes_long_is_read_in_parts)
{
    enum { PACKETS = 20 };
    struct {
        struct lode_msg_watch head;
        struct lode_msg_ready ready[1];
    } notify = {.head = {.head.type = LODE_MSG_NOTIFY, .cookie = 5, .count = 1},
                .ready = {{.status = LODE_FOUND_SEALED}}};
    told.takes_ns = 1000000;
    for (int i = 0; i < PACKETS; i++) {
        send(store, &notify, sizeof notify, 0);
    }
    cr_assert(wants_dispatch(1000));
    cr_assert_eq(lode_store_async_dispatch(async), LODE_OK);
    cr_assert_leq(told.ready, 2);
    cr_assert(wants_dispatch(0));
    dispatch_all();
    cr_assert_eq(told.ready, PACKETS);
}

Test(store_async, a_failure_is_one_packet_and_is_answered_with_its_error_and_sentence)
{
    struct {
        struct lode_msg_fail head;
        char bytes[256];
    } fail;
    struct {
        struct lode_msg_error head;
        char text[16];
    } error = {.head = {.head = {.type = LODE_MSG_ERROR, .tag = 3}, .err = LODE_ELIMIT},
               .text = "no more entries"};
    lode_id id = {{0x40, 1}};
    struct lode_error_parts parts = {
        .head.code = LODE_ECRASHED, .function = "play.crash", .message = "signal 11"};
    char object[LODE_ERROR_BYTES_MIN], brief[LODE_ERROR_SHORT_BYTES];
    uint32_t size = (uint32_t)lode_error_object_write(&parts, object, sizeof object);
    cr_assert_eq(lode_error_object_shorten(object, size, brief), LODE_OK);
    cr_assert_eq(lode_store_async_fail(async, 3, id, 5, object, size), LODE_OK);
    cr_assert_eq(recv(store, &fail, sizeof fail, 0),
                 (ssize_t)(sizeof fail.head + fail.head.size + fail.head.short_size));
    cr_assert_eq(fail.head.head.type, LODE_MSG_FAIL);
    cr_assert_eq(fail.head.count, 5);
    cr_assert_eq(fail.head.size, size);
    cr_assert_leq(fail.head.short_size, LODE_INLINE_MAX);
    cr_assert_eq(fail.head.short_size, sizeof brief);
    cr_assert_arr_eq(fail.bytes, object, size);
    cr_assert_arr_eq(fail.bytes + size, brief, sizeof brief);
    send(store, &error, sizeof error, 0);
    cr_assert_eq(lode_store_async_dispatch(async), LODE_OK);
    cr_assert_eq(told.put_err, LODE_ELIMIT);
    cr_assert_str_eq(told.why, "no more entries");
    cr_assert_eq(lode_store_async_fail(async, 0, id, 1, object, size), LODE_EINVAL);
    cr_assert_eq(lode_store_async_fail(async, 1, id, 1, object, LODE_STORE_ERROR_MAX + 1),
                 LODE_EINVAL);
    cr_assert_eq(lode_store_async_fail(async, 1, id, 1, object, size - 1), LODE_ECORRUPT);
}

Test(store_async, packets_that_lie_about_their_length_are_not_believed)
{
    struct lode_msg_watch notify = {.head.type = LODE_MSG_NOTIFY, .cookie = 5, .count = 1000};
    struct lode_msg_settle settled = {.head.type = LODE_MSG_SETTLED, .session = 7, .count = 4};
    send(store, &notify, sizeof notify, 0);
    send(store, &settled, sizeof settled, 0);
    send(store, "x", 1, 0);
    dispatch_all();
    cr_assert_eq(told.ready, 0);
    cr_assert_eq(told.settled, 0);
}

Test(store_async, a_dead_store_is_told_once_everything_has_been_read)
{
    struct {
        struct lode_msg_watch head;
        struct lode_msg_ready ready[1];
    } notify = {.head = {.head.type = LODE_MSG_NOTIFY, .cookie = 5, .count = 1},
                .ready = {{.status = LODE_FOUND_SEALED}}};
    send(store, &notify, sizeof notify, 0);
    shutdown(store, SHUT_RDWR);
    cr_assert(wants_dispatch(1000));
    lode_err err;
    do {
        err = lode_store_async_dispatch(async);
    } while (err == LODE_OK);
    cr_assert_eq(err, LODE_EDOWN);
    cr_assert_eq(told.ready, 1);
    cr_assert_eq(lode_store_async_unwatch(async, 5, (lode_id){{1}}), LODE_EDOWN);
}
