/* Packets that wait for a client. */
#include "store/state/outbox.h"

#include <criterion/criterion.h>

#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

enum { PACKET = 60 << 10 };

static struct outbox out;
static int fds[2];

static void
setup(void)
{
    cr_assert_eq(socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_NONBLOCK, 0, fds), 0);
    out = (struct outbox){0};
}

static void
teardown(void)
{
    outbox_clear(&out);
    close(fds[0]);
    close(fds[1]);
}

TestSuite(outbox, .init = setup, .fini = teardown);

/* Sends until it is refused, or twice as much as may wait was sent. */
static lode_err
fill(void)
{
    static const char packet[PACKET];
    lode_err err = LODE_OK;
    for (size_t sent = 0; err == LODE_OK && sent < 2 * OUTBOX_MAX; sent += PACKET) {
        err = outbox_send(&out, fds[0], packet, PACKET, NULL, 0, NULL, 0);
    }
    return err;
}

Test(outbox, of_a_client_that_never_reads_has_an_end)
{
    cr_assert_eq(fill(), LODE_ELIMIT);
    cr_assert_leq(out.bytes, OUTBOX_MAX);
}

Test(outbox, of_the_scheduler_has_none)
{
    out.unbounded = true;
    cr_assert_eq(fill(), LODE_OK);
    cr_assert_gt(out.bytes, OUTBOX_MAX);
}

/* Small answers with descriptors would take all that the store may have open. */
Test(outbox, of_a_client_that_never_reads_keeps_few_descriptors)
{
    const char packet[PACKET] = {0};
    int count = 0;
    cr_assert_eq(fill(), LODE_ELIMIT); /* the socket is full */
    outbox_clear(&out);
    cr_assert_eq(outbox_send(&out, fds[0], packet, PACKET, NULL, 0, NULL, 0), LODE_OK);
    cr_assert_not(outbox_is_empty(&out));
    while (count <= OUTBOX_FDS_MAX &&
           outbox_send(&out, fds[0], packet, 1, NULL, 0, fds, 1) == LODE_OK) {
        count++;
    }
    cr_assert_eq(count, OUTBOX_FDS_MAX);
    outbox_clear(&out);
    cr_assert_eq(out.fd_count, 0);
}
