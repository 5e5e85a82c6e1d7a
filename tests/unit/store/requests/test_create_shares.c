/* How many creates may wait: of one process, and of all programs. */
#include "store/requests/creates.h"
#include "tests/unit/store/fake_client.h"

enum { MIB = 1 << 20 };

TestSuite(create_shares, .init = store_setup, .fini = store_teardown, .timeout = 120);

/* A session as if it were of another process: pids of tests are all the same. */
static struct fake
attach_from(int64_t pid, uint32_t flags)
{
    struct fake fake = fake_attach(flags);
    fake.session->pid = pid;
    return fake;
}

static void
wait_as_often_as_one_process_may(struct fake *fake)
{
    for (int i = 0; i < STORE_PENDING_OF_PROCESS_MAX; i++) {
        fake_ask(fake, fake_next(fake), 4 * MIB, LODE_FOREVER);
    }
    expect(!fake_has_packet(fake));
}

static void
expect_refused(struct fake *fake, uint64_t size, lode_err err, const char *why)
{
    struct {
        struct lode_msg_error msg;
        char text[512];
    } error = {.text = ""};
    fake_ask(fake, fake_next(fake), size, LODE_FOREVER);
    expect_eq(fake_receive(fake, &error, sizeof error, NULL), LODE_MSG_ERROR);
    expect_eq(error.msg.err, err);
    expect_text(error.text, why);
}

Test(create_shares, of_one_process_that_wait_leave_room_for_those_of_others)
{
    const int64_t pid = 1000000000;
    struct fake greedy = attach_from(pid, 0), twin = attach_from(pid, 0);
    struct fake other = attach_from(pid + 1, 0);
    struct lode_msg_created big;
    expect_eq(fake_create(&other, fake_next(&other), 6 * MIB, 0, &big), LODE_MSG_CREATED);
    wait_as_often_as_one_process_may(&greedy);
    expect_refused(&greedy, 4 * MIB, LODE_ELIMIT, "1024 creates of this process wait");
    expect_refused(&twin, 4 * MIB, LODE_ELIMIT, "1024 creates of this process wait");
    fake_ask(&other, fake_next(&other), 4 * MIB, LODE_FOREVER);
    expect(!fake_has_packet(&other)); /* it waits */
    fake_draft_call(&other, LODE_MSG_ABORT, &big);
    fake_until_answered(&greedy); /* what waits goes on: its place is its own */
    expect_eq(fake_receive(&greedy, &big, sizeof big, NULL), LODE_MSG_CREATED);
    fake_die(&greedy);
    fake_die(&twin);
    fake_die(&other);
}

Test(create_shares, of_programs_that_wait_keep_no_worker_out)
{
    struct fake programs[4], late = attach_from(1, 0), worker = attach_from(2, LODE_HELLO_MAKER);
    struct lode_msg_created big;
    expect_eq(fake_create(&late, fake_next(&late), 6 * MIB, 0, &big), LODE_MSG_CREATED);
    for (int i = 0; i < 4; i++) {
        programs[i] = attach_from(1000000000 + i, 0);
        wait_as_often_as_one_process_may(&programs[i]);
    }
    expect_refused(&late, 4 * MIB, LODE_EFULL, "4096 creates of all programs wait");
    fake_ask(&worker, fake_next(&worker), 4 * MIB, LODE_FOREVER);
    expect(!fake_has_packet(&worker));
    for (int i = 0; i < 4; i++) {
        fake_die(&programs[i]);
    }
    fake_die(&worker);
    fake_die(&late);
}
