/*
 * Puts that wake somebody: when their answer is sent. Whether a client slept is the test's to say.
 * ctest: wrap syscall
 */
#include "store/requests/held.h"
#include "tests/support/own_syscall.h"
#include "tests/unit/store/fake_client.h"

TestSuite(held, .init = store_setup, .fini = store_teardown, .timeout = 120);

static long sleepers; /* that each FUTEX_WAKE finds */

static bool
play_syscall(long number, long *result_out)
{
    *result_out = sleepers;
    return number == SYS_futex;
}

/* A put of no bytes; nothing is handled yet. */
static void
send_put(struct fake *fake, lode_id id)
{
    struct lode_msg_create put = {.head = {.type = LODE_MSG_PUT, .tag = 8}, .id = id};
    fake_send(fake, &put, sizeof put);
}

/* The put is handled: an event of that round. */
static void
put(struct fake *fake, lode_id id)
{
    send_put(fake, id);
    socket_ready(fake->session);
}

static void
expect_answered(struct fake *fake)
{
    struct lode_msg_created created;
    expect_eq(fake_receive(fake, &created, sizeof created, NULL), LODE_MSG_CREATED);
    expect_eq(created.head.tag, 8);
    expect(!fake_has_packet(fake));
}

static uint32_t
counter_of(lode_id id)
{
    return atomic_load(
        &store->table.wakes[lode_wake_bucket(table_hash(&store->table, id))].counter);
}

Test(held, is_no_answer_to_a_put_that_wakes_nobody)
{
    struct fake maker = fake_attach(0), waiter = fake_attach(0);
    sleepers = 1;
    put(&maker, user(1)); /* nobody waits */
    expect_answered(&maker);
    sleepers = 0;
    fake_wait(&waiter, user(2), 7);
    put(&maker, user(2)); /* its waiter is awake */
    expect_answered(&maker);
    expect(!store_has_work(store));
    fake_die(&maker);
    fake_die(&waiter);
}

Test(held, is_the_answer_to_one_that_wakes_somebody_until_the_loop_would_sleep)
{
    struct fake maker = fake_attach(0), waiter = fake_attach(0);
    sleepers = 1;
    fake_wait(&waiter, user(1), 7);
    uint32_t seen = counter_of(user(1));
    put(&maker, user(1));
    expect_eq(counter_of(user(1)), seen + 1); /* woken already */
    expect_eq(state_of(user(1)), LODE_ENTRY_SEALED);
    store_settle(store, false);
    expect(!fake_has_packet(&maker));
    expect(store_has_work(store)); /* no sleep before it is sent */
    store_settle(store, true);
    expect_answered(&maker);
    expect(!store_has_work(store));
    fake_die(&maker);
    fake_die(&waiter);
}

Test(held, is_an_answer_for_one_more_round_at_most)
{
    struct fake maker = fake_attach(0), waiter = fake_attach(0);
    sleepers = 1;
    fake_wait(&waiter, user(1), 7);
    put(&maker, user(1));
    store_settle(store, false);
    store_settle(store, false); /* something else was to be done */
    expect_answered(&maker);
    fake_die(&maker);
    fake_die(&waiter);
}

/* They hand objects to each other: each has the next one before it hears of its own put. */
Test(held, is_the_next_puts_answer_in_its_place)
{
    struct fake a = fake_attach(0), b = fake_attach(0);
    sleepers = 1;
    fake_wait(&b, user(0), 7);
    put(&a, user(0));
    store_settle(store, false);
    for (uint64_t i = 1; i <= 10; i++) {
        struct fake *putter = i % 2 == 1 ? &b : &a, *other = i % 2 == 1 ? &a : &b;
        put(putter, user(i)); /* nobody has armed a wait for it */
        expect_answered(other);
        store_settle(store, false);
        expect(!fake_has_packet(putter));
    }
    pump();
    expect_answered(&a);
    fake_die(&a);
    fake_die(&b);
}

Test(held, is_no_refusal)
{
    struct fake maker = fake_attach(0), second = fake_attach(0), waiter = fake_attach(0);
    struct lode_msg_error error;
    sleepers = 1;
    fake_wait(&waiter, user(1), 7);
    put(&maker, user(1));
    put(&second, user(1));
    expect_eq(fake_receive(&second, &error, sizeof error, NULL), LODE_MSG_ERROR);
    expect_eq(error.err, LODE_EEXIST);
    pump();
    expect_answered(&maker);
    fake_die(&maker);
    fake_die(&second);
    fake_die(&waiter);
}

/* The client is gone; the store has not heard of it. */
static void
hang_up(struct fake *fake)
{
    munmap(fake->file, lode_session_file_bytes(fake->ring_bytes));
    close(fake->fd);
    close(fake->file_fd);
    close(fake->bell_fd);
}

Test(held, is_no_answer_to_a_session_that_has_ended)
{
    struct fake maker = fake_attach(0), last = fake_attach(0), waiter = fake_attach(0);
    sleepers = 1;
    fake_wait(&waiter, user(1), 7);
    put(&maker, user(1));
    expect(store->held.session == maker.session);
    hang_up(&maker);
    socket_ready(maker.session);
    expect(store->held.session == NULL);
    fake_wait(&waiter, user(2), 8);
    put(&last, user(2));
    expect(store->held.session == last.session);
    hang_up(&last); /* and the store ends before it hears of that */
    hang_up(&waiter);
}

/* A put without a tag has no answer. */
Test(held, is_nothing_that_nobody_asked_for)
{
    struct fake maker = fake_attach(0), waiter = fake_attach(0);
    struct lode_msg_create quiet = {.head = {.type = LODE_MSG_PUT}, .id = user(1)};
    sleepers = 1;
    fake_wait(&waiter, user(1), 7);
    uint32_t seen = counter_of(user(1));
    fake_send(&maker, &quiet, sizeof quiet);
    socket_ready(maker.session);
    expect(store->held.session == NULL);
    expect_eq(counter_of(user(1)), seen + 1);
    pump();
    expect(!fake_has_packet(&maker));
    fake_die(&maker);
    fake_die(&waiter);
}
