/* Sessions whose reserved ids are awaited one after the other. */
#include "store/waits/stream.h"
#include "tests/unit/store/fake_client.h"

TestSuite(stream, .init = store_setup, .fini = store_teardown, .timeout = 120);

static uint32_t
counter_of(lode_id id)
{
    return atomic_load(
        &store->table.wakes[lode_wake_bucket(table_hash(&store->table, id))].counter);
}

static uint32_t
awaited(const struct fake *fake)
{
    return atomic_load(&store->table.rows[fake->row].awaited);
}

static lode_id
reserved(const struct fake *fake, uint64_t n)
{
    return lode_id_reserve(fake->number, n);
}

/* Nobody rings. */
static void
write_put(struct fake *fake, uint64_t n)
{
    struct lode_made made = {.id = reserved(fake, n), .size = 1, .carried = 16};
    memcpy(fake_record(fake, LODE_RECORD_PUT, sizeof made + 16), &made, sizeof made);
    fake_publish(fake);
}

static void
put_reserved(struct fake *fake, uint64_t n)
{
    write_put(fake, n);
    fake_ring(fake);
}

Test(stream, begins_with_a_wait_for_a_reserved_id_and_no_other)
{
    struct fake maker = fake_attach(0), waiter = fake_attach(0);
    fake_wait(&waiter, lode_id_make(LODE_ID_PUT, maker.number, 7), 1);
    fake_wait(&waiter, result(&maker, 7), 2);
    expect_eq(awaited(&maker), 0);
    fake_wait(&waiter, reserved(&maker, 7), 3);
    expect_eq(awaited(&maker), 1);
    expect_eq(awaited(&waiter), 0);
    fake_die(&maker);
    fake_die(&waiter);
}

Test(stream, each_put_is_told_though_nobody_said_that_it_waits)
{
    struct fake maker = fake_attach(0), waiter = fake_attach(0);
    uint32_t before = counter_of(reserved(&maker, 1));
    put_reserved(&maker, 1);
    expect_eq(counter_of(reserved(&maker, 1)), before);
    fake_wait(&waiter, reserved(&maker, 2), 1);
    put_reserved(&maker, 2);
    before = counter_of(reserved(&maker, 3));
    put_reserved(&maker, 3);
    expect_ne(counter_of(reserved(&maker, 3)), before);
    fake_die(&maker);
    fake_die(&waiter);
}

/*
 * It read `awaited` before that was set, so it did not ring; and who waits for that id reads it
 * now, so it says nothing. The wait that began the stream is for what is there already.
 */
Test(stream, what_was_put_just_before_it_began_is_found)
{
    struct fake maker = fake_attach(0), waiter = fake_attach(0);
    put_reserved(&maker, 1);
    expect_eq(awaited(&maker), 0);
    write_put(&maker, 2);
    uint32_t before = counter_of(reserved(&maker, 2));
    fake_wait(&waiter, reserved(&maker, 1), 1);
    expect_eq(awaited(&maker), 1);
    expect_eq(state_of(reserved(&maker, 2)), LODE_ENTRY_SEALED);
    expect_ne(counter_of(reserved(&maker, 2)), before);
    fake_die(&maker);
    fake_die(&waiter);
}

Test(stream, an_id_that_is_given_up_is_told_too)
{
    struct fake maker = fake_attach(0), waiter = fake_attach(0);
    struct lode_msg_created draft;
    fake_wait(&waiter, reserved(&maker, 1), 1);
    put_reserved(&maker, 1);
    fake_create(&maker, reserved(&maker, 2), 10, 0, &draft);
    uint32_t before = counter_of(reserved(&maker, 2));
    fake_draft_call(&maker, LODE_MSG_ABORT, &draft);
    expect_ne(counter_of(reserved(&maker, 2)), before);
    expect_eq(fake_lookup(&waiter, reserved(&maker, 2), 0), LODE_FOUND_GONE);
    fake_die(&maker);
    fake_die(&waiter);
}

Test(stream, ends_when_it_wakes_nobody_and_tells_all)
{
    struct fake maker = fake_attach(0), waiter = fake_attach(0);
    fake_wait(&waiter, reserved(&maker, 1), 1);
    for (uint64_t i = 1; i <= STREAM_IDLE; i++) {
        put_reserved(&maker, i);
        expect_eq(awaited(&maker), 1);
    }
    uint32_t before[LODE_WAKE_BUCKETS];
    for (uint32_t i = 0; i < LODE_WAKE_BUCKETS; i++) {
        before[i] = atomic_load(&store->table.wakes[i].counter);
    }
    put_reserved(&maker, STREAM_IDLE + 1);
    expect_eq(awaited(&maker), 0);
    for (uint32_t i = 0; i < LODE_WAKE_BUCKETS; i++) {
        expect_ne(atomic_load(&store->table.wakes[i].counter), before[i]);
    }
    fake_die(&maker);
    fake_die(&waiter);
}

Test(stream, ends_with_its_session_and_tells_all)
{
    struct fake maker = fake_attach(0), waiter = fake_attach(0);
    lode_id last = reserved(&maker, 1000);
    fake_wait(&waiter, reserved(&maker, 1), 1);
    uint32_t before = counter_of(last);
    fake_die(&maker);
    expect_ne(counter_of(last), before);
    expect_eq(fake_lookup(&waiter, last, 0), LODE_FOUND_GONE);
    fake_die(&waiter);
}
