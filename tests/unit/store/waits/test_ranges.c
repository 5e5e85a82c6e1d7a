/* Ranges: what a session is told that watches ids in a row, and what they take in the store. */
#include "store/waits/ranges.h"
#include "tests/unit/store/waits/watching.h"

TestSuite(ranges, .init = store_setup, .fini = store_teardown, .timeout = 120);

static void
send_row(struct fake *fake, lode_id first, uint32_t count, uint32_t step)
{
    struct lode_msg_watch_row row = {.head = {.type = LODE_MSG_WATCH_ROW, .tag = 1},
                                     .cookie = COOKIE,
                                     .first = first,
                                     .count = count,
                                     .step = step};
    fake_send(fake, &row, sizeof row);
    pump();
}

static void
watch_row(struct fake *fake, lode_id first, uint32_t count, uint32_t step)
{
    send_row(fake, first, count, step);
    expect_ok(fake);
}

static void
expect_refused(struct fake *fake, lode_id first, uint32_t count)
{
    send_row(fake, first, count, 1);
    expect_limit(fake);
}

static void
put(struct fake *maker, uint64_t counter)
{
    fake_put_reserved(maker, counter);
    fake_ring(maker);
    pump();
}

Test(ranges, tell_once_of_each_id_that_is_in_the_row_and_of_no_other)
{
    struct fake maker = fake_attach(0), watcher = fake_attach(0);
    watch_row(&watcher, lode_id_reserve(maker.number, 10), 100, 3);
    expect_eq(watcher.session->wait_count, 100);
    const uint64_t others[] = {9, 11, 12, 7, 310};
    for (int i = 0; i < 5; i++) {
        put(&maker, others[i]);
        expect(!fake_has_packet(&watcher));
        expect(!waits_any(store, lode_id_reserve(maker.number, others[i])));
    }
    const uint64_t members[] = {10, 13, 307};
    for (int i = 0; i < 3; i++) {
        lode_id id = lode_id_reserve(maker.number, members[i]);
        expect(waits_any(store, id));
        put(&maker, members[i]);
        expect_told(&watcher, id, LODE_FOUND_SEALED);
        expect(!waits_any(store, id));
    }
    fake_drop(&maker, lode_id_reserve(maker.number, 13)); /* it is not told of it twice */
    fake_ring(&maker);
    pump();
    expect(!fake_has_packet(&watcher));
    unwatch(&watcher);
    expect_nothing_is_left(&watcher);
    fake_die(&watcher);
    fake_die(&maker);
}

Test(ranges, are_told_of_an_abort_and_not_of_a_drop_before_the_put)
{
    struct fake maker = fake_attach(0), watcher = fake_attach(0);
    struct lode_msg_created draft;
    lode_id dropped = lode_id_reserve(maker.number, 5), aborted = lode_id_reserve(maker.number, 6);
    watch_row(&watcher, lode_id_reserve(maker.number, 1), 10, 1);
    fake_drop(&maker, dropped);
    fake_ring(&maker);
    pump();
    expect(!fake_has_packet(&watcher));
    put(&maker, 5);
    expect_told(&watcher, dropped, LODE_FOUND_SEALED);
    fake_create(&maker, aborted, 10, 0, &draft);
    fake_draft_call(&maker, LODE_MSG_ABORT, &draft);
    expect_told(&watcher, aborted, LODE_FOUND_ABORTED);
    put(&maker, 6); /* after all, and the watcher was told */
    expect(!fake_has_packet(&watcher));
    fake_die(&watcher);
    fake_die(&maker);
}

/* Another watch of one of the ids, and another range, are told of their own. */
Test(ranges, and_watches_of_the_same_id_are_all_told)
{
    struct fake maker = fake_attach(0), watcher = fake_attach(0), other = fake_attach(0);
    lode_id id = lode_id_reserve(maker.number, 2);
    watch_row(&watcher, lode_id_reserve(maker.number, 1), 10, 1);
    watch_row(&other, id, 4, 2);
    must(waits_arm(store, watcher.session, id, COOKIE, true));
    put(&maker, 2);
    receive(&watcher, 2);
    expect_told(&other, id, LODE_FOUND_SEALED);
    unwatch(&other);
    expect(waits_any(store, lode_id_reserve(maker.number, 4)));
    unwatch(&watcher);
    expect_nothing_is_left(&watcher);
    fake_die(&other);
    fake_die(&watcher);
    fake_die(&maker);
}

Test(ranges, that_end_late_are_told_what_lies_in_a_ring)
{
    struct fake maker = fake_attach(0), watcher = fake_attach(0);
    watch_row(&watcher, lode_id_reserve(maker.number, 1), 1000, 1);
    lode_id id = fake_put_reserved(&maker, 1000); /* and its bell rings too late */
    expect_told_at_its_end(&watcher, id, LODE_FOUND_SEALED);
    expect_nothing_is_left(&watcher);
    fake_die(&watcher);
    fake_die(&maker);
}

/* All putters must ring: the ids of a row have buckets all over. */
Test(ranges, arm_all_buckets_as_long_as_there_is_one)
{
    struct fake maker = fake_attach(0), watcher = fake_attach(0);
    watch_row(&watcher, lode_id_reserve(maker.number, 1), 10, 1);
    watch_row(&watcher, lode_id_reserve(maker.number, 1), 10, 1);
    expect_all_buckets(1);
    unwatch(&watcher);
    expect_all_buckets(0);
    fake_die(&watcher);
    fake_die(&maker);
}

/* Counts what the watcher is told, all of that status. */
static uint32_t
told(struct fake *watcher, enum lode_found status)
{
    uint32_t count = 0;
    for (pump(); fake_has_packet(watcher); pump()) {
        expect_eq(fake_receive(watcher, &notify, sizeof notify, NULL), LODE_MSG_NOTIFY);
        for (uint32_t i = 0; i < notify.head.count; i++) {
            expect_eq(notify.ready[i].status, status);
        }
        count += notify.head.count;
    }
    return count;
}

Test(ranges, are_told_of_all_their_ids_when_the_session_of_these_ends)
{
    enum { COUNT = 3 * CHORE_LOOKS + 1 };
    struct fake maker = fake_attach(0), watcher = fake_attach(0), other = fake_attach(0);
    watch_row(&watcher, lode_id_reserve(maker.number, 1), COUNT, 1);
    watch_row(&watcher, lode_id_reserve(other.number, 1), COUNT, 1);
    fake_die(&maker);
    expect_eq(told(&watcher, LODE_FOUND_GONE), COUNT);
    fake_die(&other);
    expect_eq(told(&watcher, LODE_FOUND_GONE), COUNT);
    unwatch(&watcher);
    expect_nothing_is_left(&watcher);
    fake_die(&watcher);
}

/* The maker's end and the UNWATCH come in one round. */
Test(ranges, that_end_late_are_told_of_a_session_that_has_just_ended)
{
    struct fake maker = fake_attach(0), watcher = fake_attach(0);
    watch_row(&watcher, lode_id_reserve(maker.number, 1), 10, 1);
    close(maker.fd);
    send_unwatch(&watcher, true);
    receive(&watcher, 10);
    expect_eq(notify.ready[0].status, LODE_FOUND_GONE);
    expect_ok(&watcher);
    expect_nothing_is_left(&watcher);
    fake_die(&watcher);
}

Test(ranges, of_a_session_that_ends_go_also_while_they_are_looked_at)
{
    enum { COUNT = 10 * CHORE_LOOKS };
    struct fake maker = fake_attach(0), watcher = fake_attach(0), other = fake_attach(0);
    watch_row(&other, lode_id_reserve(maker.number, 1), COUNT, 1);
    watch_row(&watcher, lode_id_reserve(maker.number, 1), COUNT, 1);
    ranges_look_at_row(store, maker.number);
    expect(store->waits->rows[maker.number % LODE_SESSION_ROWS].ranges.walk != NULL);
    fake_die(&watcher);
    expect_eq(store->waits->range_count, 1);
    fake_die(&maker);
    expect_eq(told(&other, LODE_FOUND_GONE), COUNT);
    fake_die(&other);
    expect_eq(store->waits->range_count, 0);
}

Test(ranges, keep_results_of_an_ended_session_wanted)
{
    struct fake scheduler = fake_attach(LODE_HELLO_SCHEDULER), submitter = fake_attach(0),
                watcher = fake_attach(0);
    lode_id wanted = result(&submitter, 3), other = result(&submitter, 20);
    uint8_t status[2];
    watch_row(&watcher, result(&submitter, 1), 10, 1);
    fake_die(&submitter);
    pump();
    expect(!fake_has_packet(&watcher)); /* the scheduler has not said what will come */
    ask_about_results(&scheduler, wanted, other, status);
    expect_eq(status[0], LODE_FOUND_PENDING);
    expect_eq(status[1], LODE_FOUND_GONE);
    expect_eq(told(&watcher, LODE_FOUND_GONE), 9); /* but the one that was named */
    fake_die(&scheduler);
    fake_die(&watcher);
}

Test(ranges, are_so_many_and_so_long_and_one_more_is_refused)
{
    struct fake maker = fake_attach(0), another = fake_attach(0),
                fakes[1 + RANGES_OF_ROW_MAX / RANGES_OF_SESSION_MAX];
    lode_id first = lode_id_reserve(maker.number, 1);
    int count = RANGES_OF_ROW_MAX / RANGES_OF_SESSION_MAX;
    for (int i = 0; i < count; i++) {
        fakes[i] = fake_attach(0);
        for (int j = 0; j < RANGES_OF_SESSION_MAX; j++) {
            watch_row(&fakes[i], first, 2, 1);
        }
        expect_refused(&fakes[i], lode_id_reserve(another.number, 1), 2);
    }
    fakes[count] = fake_attach(0);
    expect_refused(&fakes[count], first, 2);
    watch_row(&fakes[count], lode_id_reserve(another.number, 1), 2, 1);
    fake_die(&fakes[0]);
    fakes[count].session->wait_count += LODE_SESSION_WAITS_MAX - 100;
    expect_refused(&fakes[count], first, 99);
    watch_row(&fakes[count], first, 98, 1);
    expect_eq(fakes[count].session->wait_count, LODE_SESSION_WAITS_MAX);
    fakes[count].session->wait_count -= LODE_SESSION_WAITS_MAX - 100;
    for (int i = 1; i <= count; i++) {
        fake_die(&fakes[i]);
    }
    fake_die(&another);
    fake_die(&maker);
    expect_eq(store->waits->range_count, 0);
}

Test(ranges, that_are_no_rows_of_a_session_cut)
{
    struct fake maker = fake_attach(0);
    lode_id good = lode_id_reserve(maker.number, 1);
    const struct {
        lode_id first;
        uint32_t count, step;
    } wrong[] = {{good, 0, 1},    {good, LODE_STORE_ROW_MAX + 1, 1},
                 {good, 2, 0},    {good, 2, LODE_STORE_STEP_MAX + 1},
                 {user(1), 2, 1}, {{{0}}, 2, 1}};
    for (size_t i = 0; i < sizeof wrong / sizeof wrong[0]; i++) {
        struct fake fake = fake_attach(0);
        send_row(&fake, wrong[i].first, wrong[i].count, wrong[i].step);
        expect(fake_is_cut(&fake));
        close(fake.fd);
    }
    pump();
    struct fake fake = fake_attach(0); /* the counter goes round, and nothing happens */
    watch_row(&fake, lode_id_from_words(lode_id_high(good), UINT64_MAX - 1), LODE_STORE_ROW_MAX,
              LODE_STORE_STEP_MAX);
    fake_die(&fake);
    fake_die(&maker);
}
