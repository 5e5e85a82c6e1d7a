/*
 * What a store may send to the scheduler: its welcome, notices, settlements, answers. No callback
 * is told of more than the packet has.
 *
 * ctest: replay 50000
 */
#include "scheduler/store/store_async.h"
#include "tests/fuzz/fuzz.h"

#include "api/base/fail.h"
#include "api/layout/error_object.h"
#include "api/system/socket.h"
#include "api/wire/store_msg.h"

#include <sys/socket.h>
#include <unistd.h>

static struct fuzz_input *script;
static const uint8_t *packet; /* that is being handled */
static size_t packet_size;
static int store_end;

lode_err __wrap_lode_socket_connect(const char *path, int *fd_out);
lode_err __wrap_lode_socket_receive(int fd, int flags, void *buffer, size_t room, size_t *size_out,
                                    int *fds, size_t *fd_count_out);

lode_err
__wrap_lode_socket_connect(const char *path, int *fd_out)
{
    int pair[2];
    fuzz_expect(path[0] == '/' && socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair) == 0);
    store_end = pair[1];
    *fd_out = pair[0];
    return LODE_OK;
}

static size_t
make_packet(uint8_t *bytes)
{
    struct lode_msg_welcome welcome = {.head = {.type = LODE_MSG_WELCOME},
                                       .major = LODE_STORE_WIRE_MAJOR};
    uint8_t op = fuzz_u8(script);
    size_t size = sizeof welcome;
    memcpy(bytes, &welcome, sizeof welcome);
    if (op % 8 != 0) {
        size = fuzz_u16(script) % 512 + 1;
        fuzz_bytes(script, bytes, size);
        static const uint8_t type[] = {LODE_MSG_NOTIFY, LODE_MSG_SETTLED, LODE_MSG_ERROR,
                                       LODE_MSG_OK};
        bytes[0] = op % 8 <= 4 ? type[op % 8 - 1] : bytes[0];
    }
    return size;
}

/* One packet; what lies behind it in the buffer is not its. */
lode_err
__wrap_lode_socket_receive(int fd, int flags, void *buffer, size_t room, size_t *size_out, int *fds,
                           size_t *fd_count_out)
{
    (void)fd, (void)flags;
    fuzz_expect(room == LODE_STORE_PACKET_MAX);
    if (script->left == 0) {
        return lode_fail_with(LODE_EDOWN, "the other side is gone");
    }
    memset(buffer, 0x5a, 1024);
    *size_out = packet_size = make_packet(buffer);
    packet = buffer;
    for (int i = 0; fds != NULL && i < 2; i++) {
        fds[i] = dup(store_end);
    }
    if (fd_count_out != NULL) {
        *fd_count_out = 2;
    }
    return LODE_OK;
}

static void
check_inside(const void *from, size_t size)
{
    const uint8_t *at = from;
    fuzz_expect(at >= packet && at + size <= packet + packet_size);
}

static void
on_ready(void *arg, uint64_t cookie, const struct lode_msg_ready *ready, uint32_t count)
{
    (void)arg, (void)cookie;
    check_inside(ready, count * sizeof *ready);
}

static void
on_settled(void *arg, uint32_t tag, uint64_t session, const uint8_t *status, uint32_t count)
{
    (void)arg, (void)tag, (void)session;
    check_inside(status, count);
}

static void
on_failed(void *arg, uint32_t tag, lode_err err, const char *why)
{
    (void)arg, (void)tag;
    if (err != LODE_OK) {
        check_inside(why, strlen(why));
    }
}

static void
ask(struct lode_store_async *async, uint8_t what)
{
    const lode_id ids[3] = {{{1}}, {{2}}, {{3}}};
    struct lode_error_parts parts = {.head.code = LODE_ETASK, .function = "a.b", .message = "m"};
    uint8_t error[LODE_ERROR_BYTES_MIN];
    uint32_t size = (uint32_t)lode_error_object_write(&parts, error, sizeof error);
    switch (what % 4) {
    case 0:
        (void)!lode_store_async_watch(async, what, ids, 3);
        break;
    case 1:
        (void)!lode_store_async_unwatch(async, what, ids[0]);
        break;
    case 2:
        (void)!lode_store_async_settle(async, what, 7, ids, 3);
        break;
    default:
        (void)!lode_store_async_fail(async, what, ids[0], 3, error, size);
    }
}

static int
next_descriptor(void)
{
    int next = dup(STDERR_FILENO);
    fuzz_expect(next >= 0);
    close(next);
    return next;
}

int
LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size)
{
    static const struct lode_store_async_events events = {NULL, on_ready, on_settled, on_failed};
    struct fuzz_input input = {bytes, size};
    const struct lode_paths paths = {.dir = "/d"};
    struct lode_store_async *async = NULL;
    int next = next_descriptor();
    script = &input;
    lode_err err = lode_store_async_open(&paths, &events, &async);
    while (err == LODE_OK) {
        ask(async, fuzz_u8(&input));
        err = lode_store_async_dispatch(async);
    }
    lode_store_async_close(async);
    close(store_end);
    fuzz_expect(next_descriptor() == next); /* what came with the welcome is closed */
    return 0;
}

void
fuzz_seeds(fuzz_seed_fn seed, void *arg)
{
    struct {
        struct lode_msg_watch head;
        struct lode_msg_ready ready[2];
    } notify = {.head = {.head.type = LODE_MSG_NOTIFY, .cookie = 5, .count = 2}};
    struct {
        struct lode_msg_settle head;
        uint8_t status[4];
    } settled = {.head = {.head = {.type = LODE_MSG_SETTLED, .tag = 8}, .session = 7, .count = 3}};
    struct {
        struct lode_msg_error error;
        char text[8];
    } error = {.error = {.head = {.type = LODE_MSG_ERROR, .tag = 3}, .err = LODE_ELIMIT}};
    struct fuzz_text text = {.size = 0};
    memcpy(error.text, "no more!", sizeof error.text);
    fuzz_say(&text, 0, 0, 1, sizeof notify - 1, 0);
    fuzz_add(&text, &notify, sizeof notify);
    fuzz_say(&text, 2, sizeof settled - 1, 0);
    fuzz_add(&text, &settled, sizeof settled);
    fuzz_say(&text, 3, sizeof error - 1, 0);
    fuzz_add(&text, &error, sizeof error);
    seed(arg, text.bytes, text.size);
    fuzz_say(&text, 3, 4, 0, LODE_MSG_OK, 0, 0, 0, 3);
    seed(arg, text.bytes, text.size);
}
