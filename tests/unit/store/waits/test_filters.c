/* Filters: what a session is told that watches many ids of users' choice, and what they take. */
#include "store/objects/decided.h"
#include "store/waits/filters.h"
#include "tests/unit/store/waits/filtering.h"

TestSuite(filters, .init = store_setup, .fini = store_teardown, .timeout = 120);

static void
watch_users(struct fake *fake, uint64_t from, uint32_t count)
{
    set_users(from, count);
    send_bits(fake, count);
}

static void
put(struct fake *maker, lode_id id)
{
    struct lode_msg_created draft;
    expect_eq(fake_create(maker, id, 1, 0, &draft), LODE_MSG_CREATED);
    expect_eq(fake_draft_call(maker, LODE_MSG_SEAL, &draft), LODE_MSG_OK);
}

static void
abort_draft_of(struct fake *maker, lode_id id)
{
    struct lode_msg_created draft;
    expect_eq(fake_create(maker, id, 10, 0, &draft), LODE_MSG_CREATED);
    expect_eq(fake_draft_call(maker, LODE_MSG_ABORT, &draft), LODE_MSG_OK);
}

Test(filters, tell_of_every_id_that_is_in_them_and_of_few_others)
{
    enum { COUNT = 40000, OTHERS = 2000 };
    struct fake maker = fake_attach(0), watcher = fake_attach(0);
    uint32_t wrong = 0;
    watch_users(&watcher, 1, COUNT);
    expect_eq(watcher.session->wait_count, COUNT);
    for (uint64_t i = 1; i <= COUNT; i += COUNT / 100) {
        expect(waits_any(store, user(i)));
        put(&maker, user(i));
        expect_told(&watcher, user(i), LODE_FOUND_SEALED);
    }
    for (uint64_t i = COUNT + 1; i <= COUNT + OTHERS; i++) {
        wrong += waits_any(store, user(i));
    }
    expect_lt(wrong, OTHERS / 10);
    unwatch(&watcher);
    expect_nothing_is_left(&watcher);
    fake_die(&watcher);
    fake_die(&maker);
}

Test(filters, tell_of_an_abort_and_of_no_ids_of_sessions)
{
    enum { COUNT = 10 };
    struct fake maker = fake_attach(0), watcher = fake_attach(0);
    set_users(1, COUNT - 2);
    for (uint64_t i = 1; i <= 2; i++) {
        set(lode_id_reserve(maker.number, i), lode_filter_log2(COUNT));
    }
    send_bits(&watcher, COUNT);
    fake_put_reserved(&maker, 1);
    fake_ring(&maker);
    pump();
    expect(!fake_has_packet(&watcher));
    expect(!waits_any(store, lode_id_reserve(maker.number, 2)));
    abort_draft_of(&maker, user(5));
    expect_told(&watcher, user(5), LODE_FOUND_ABORTED);
    fake_die(&watcher);
    fake_die(&maker);
}

/* Another watch of one of the ids, and another filter, are told of their own. */
Test(filters, and_watches_of_the_same_id_are_all_told)
{
    struct fake maker = fake_attach(0), watcher = fake_attach(0), other = fake_attach(0);
    watch_users(&watcher, 1, 10);
    watch_users(&other, 5, 10);
    must(waits_arm(store, watcher.session, user(7), COOKIE, true));
    put(&maker, user(7));
    receive(&watcher, 2);
    expect_told(&other, user(7), LODE_FOUND_SEALED);
    send_unwatch(&other, true);
    expect_ok(&other);
    expect(waits_any(store, user(3)));
    unwatch(&watcher);
    expect_nothing_is_left(&watcher);
    fake_die(&other);
    fake_die(&watcher);
    fake_die(&maker);
}

/* An abort is told while it happens, or never. */
Test(filters, tell_of_an_abort_however_many_they_have_told_of)
{
    struct fake maker = fake_attach(0), watcher = fake_attach(0);
    watch_users(&watcher, 1, 3);
    for (int i = 0; i < 20; i++) {
        for (uint64_t n = 1; n <= 2; n++) {
            abort_draft_of(&maker, user(n));
            expect_told(&watcher, user(n), LODE_FOUND_ABORTED);
        }
    }
    fake_die(&watcher);
    fake_die(&maker);
}

static uint32_t
read_until(struct fake *fake, enum lode_found status)
{
    uint32_t count = 0;
    do {
        receive(fake, 1);
        count++;
        pump();
    } while (notify.ready[0].status != status);
    return count;
}

/*
 * What others put does not fill the outbox, so that the watches of the same client would be too
 * many. The test lays in what would take it minutes.
 */
Test(filters, of_a_client_that_does_not_read_end_and_say_so_and_not_before_they_told_of_as_many)
{
    enum { COUNT = 100 };
    struct fake maker = fake_attach(0), watcher = fake_attach(0);
    uint64_t i = 0;
    watch_users(&watcher, 0, COUNT);
    while (outbox_is_empty(&watcher.session->out)) {
        abort_draft_of(&maker, user(i++ % COUNT));
    }
    watcher.session->out.bytes += FILTERS_UNREAD_MAX;
    for (uint64_t end = i + COUNT - 1; i < end;) {
        abort_draft_of(&maker, user(i++ % COUNT));
        expect_eq(store->waits->filters.count, 1);
    }
    for (uint64_t beyond = 0; beyond < 2; beyond++) {
        abort_draft_of(&maker, user(beyond));
    }
    expect_nothing_is_left(&watcher);
    watcher.session->out.bytes -= FILTERS_UNREAD_MAX;
    expect_eq(read_until(&watcher, LODE_FOUND_STARVED) - 1, i);
    expect(!fake_has_packet(&watcher));
    fake_die(&watcher);
    fake_die(&maker);
}

Test(filters, tell_of_what_was_decided_together_in_one_packet_each)
{
    enum { IDS = 5 };
    struct fake watcher = fake_attach(0);
    for (cookie = COOKIE; cookie < COOKIE + 2; cookie++) {
        watch_users(&watcher, 1, IDS);
    }
    for (uint64_t i = 1; i <= IDS; i++) {
        decided_add(store, user(i), LODE_FOUND_ABORTED, false);
    }
    pump();
    for (int i = 0; i < 2; i++) {
        expect_eq(fake_receive(&watcher, &notify, sizeof notify, NULL), LODE_MSG_NOTIFY);
        expect_eq(notify.head.count, IDS);
    }
    expect(!fake_has_packet(&watcher));
    fake_die(&watcher);
}

/* It looks, and is told on. */
Test(filters, say_that_the_client_is_to_look_when_a_decision_was_lost)
{
    struct fake maker = fake_attach(0), watcher = fake_attach(0), other = fake_attach(0);
    watch_users(&watcher, 1, 10);
    send_part(&other, 5000, lode_filter_log2(5000), 0, 100, 1); /* it is filled later */
    expect_ok(&other);
    store->decided.lost = true;
    pump();
    expect_told(&watcher, (lode_id){{0}}, LODE_FOUND_LOOK);
    expect(!fake_has_packet(&other));
    expect_eq(store->waits->filters.count, 2);
    abort_draft_of(&maker, user(3));
    expect_told(&watcher, user(3), LODE_FOUND_ABORTED);
    fake_die(&watcher);
    fake_die(&other);
    fake_die(&maker);
    expect_eq(store->waits->filters.count, 0);
}

/* Their ids come by no ring: nobody who puts by one has to ring the store for them. */
Test(filters, arm_no_bucket_and_tell_once_they_are_filled)
{
    struct fake watcher = fake_attach(0), maker = fake_attach(0);
    uint32_t count = 8 * PART / LODE_FILTER_BITS_OF_ID * 2, log2 = lode_filter_log2(count);
    expect_eq(lode_filter_bytes(log2), 2 * PART);
    set_users(1, count);
    send_part(&watcher, count, log2, 0, PART, 1);
    expect_ok(&watcher);
    expect(!waits_any(store, user(1)));
    send_part(&watcher, count, log2, PART, PART, 1);
    expect_ok(&watcher);
    expect(waits_any(store, user(1)));
    expect_all_buckets(0);
    put(&maker, user(1));
    expect_told(&watcher, user(1), LODE_FOUND_SEALED);
    unwatch(&watcher);
    expect_nothing_is_left(&watcher);
    fake_die(&watcher);
    fake_die(&maker);
}

Test(filters, are_so_many_and_so_large_and_one_more_is_refused)
{
    enum { SESSIONS = FILTERS_MAX / FILTERS_OF_SESSION_MAX };
    struct fake fakes[SESSIONS + 1];
    set_users(1, 2);
    for (int i = 0; i < SESSIONS; i++) {
        fakes[i] = fake_attach(0);
        for (int j = 0; j < FILTERS_OF_SESSION_MAX; j++) {
            send_bits(&fakes[i], 2);
        }
        if (i < SESSIONS - 1) {
            send_part(&fakes[i], 2, LODE_FILTER_LOG2_LEAST, 0, 128, 1);
            expect_limit(&fakes[i]);
        }
    }
    struct fake *last = &fakes[SESSIONS];
    *last = fake_attach(0);
    send_part(last, 2, LODE_FILTER_LOG2_LEAST, 0, 128, 1);
    expect_limit(last);
    fake_die(&fakes[0]);
    last->session->wait_count += LODE_SESSION_WAITS_MAX - 100;
    send_part(last, 101, lode_filter_log2(101), 0, 128, 1);
    expect_limit(last);
    send_bits(last, 100);
    expect_eq(last->session->wait_count, LODE_SESSION_WAITS_MAX);
    last->session->wait_count -= LODE_SESSION_WAITS_MAX - 100;
    for (int i = 1; i <= SESSIONS; i++) {
        fake_die(&fakes[i]);
    }
    expect_eq(store->waits->filters.count, 0);
}

Test(filters, of_as_many_ids_as_a_session_may_wait_for_take_two_mib)
{
    struct fake watcher = fake_attach(0);
    expect_eq(lode_filter_bytes(lode_filter_log2(LODE_SESSION_WAITS_MAX)), 2 << 20);
    set_users(1, LODE_SESSION_WAITS_MAX);
    send_bits(&watcher, LODE_SESSION_WAITS_MAX);
    expect(waits_any(store, user(LODE_SESSION_WAITS_MAX)));
    unwatch(&watcher);
    expect_nothing_is_left(&watcher);
    fake_die(&watcher);
}

Test(filters, that_break_a_rule_cut)
{
    const struct {
        uint32_t count, log2;
        uint64_t at;
        uint32_t size;
    } wrong[] = {{0, LODE_FILTER_LOG2_LEAST, 0, 128},
                 {LODE_SESSION_WAITS_MAX + 1, LODE_FILTER_LOG2_LEAST, 0, 128},
                 {2, LODE_FILTER_LOG2_LEAST - 1, 0, 64},
                 {2, LODE_FILTER_LOG2_LEAST + 1, 0, 256},
                 {100, LODE_FILTER_LOG2_LEAST, 0, 128},
                 {2, UINT32_MAX, 0, 128},
                 {2, LODE_FILTER_LOG2_LEAST, 0, 0},
                 {2, LODE_FILTER_LOG2_LEAST, 0, 129},
                 {2, LODE_FILTER_LOG2_LEAST, 64, 64}}; /* the first part is missing */
    set_users(1, 2);
    for (size_t i = 0; i < sizeof wrong / sizeof wrong[0]; i++) {
        struct fake fake = fake_attach(0);
        send_part(&fake, wrong[i].count, wrong[i].log2, wrong[i].at, wrong[i].size, 1);
        expect(fake_is_cut(&fake));
        close(fake.fd);
    }
    for (uint64_t at = 32; at <= 128; at += 96) { /* it was filled up to 64 */
        struct fake fake = fake_attach(0);
        send_part(&fake, 2, LODE_FILTER_LOG2_LEAST, 0, 64, 1);
        expect_ok(&fake);
        send_part(&fake, 2, LODE_FILTER_LOG2_LEAST, at, 32, 1);
        expect(fake_is_cut(&fake));
        close(fake.fd);
    }
    pump();
    expect_eq(store->waits->filters.count, 0);
}

static void
set_first_bits(uint32_t count)
{
    memset(bits, 0, sizeof bits);
    for (uint32_t i = 0; i < count; i++) {
        bits[i / 8] |= (uint8_t)(1 << i % 8);
    }
}

/* Or few ids of others', for which the session is hardly charged, would all be told to it. */
Test(filters, with_more_bits_than_ids_cut)
{
    enum { COUNT = 2 * PART, SOME = 70 }; /* in parts */
    struct fake fake = fake_attach(0);
    set_first_bits(SOME);
    send_part(&fake, SOME, lode_filter_log2(SOME), 0, lode_filter_bytes(lode_filter_log2(SOME)), 1);
    expect_ok(&fake);
    set_first_bits(SOME + 1);
    send_part(&fake, SOME, lode_filter_log2(SOME), 0, lode_filter_bytes(lode_filter_log2(SOME)), 1);
    expect(fake_is_cut(&fake));
    close(fake.fd);
    fake = fake_attach(0);
    set_first_bits(COUNT);
    send_part(&fake, COUNT, lode_filter_log2(COUNT), 0, PART, 1);
    expect_ok(&fake);
    bits[PART + PART / 2 - 3] = 1;
    send_part(&fake, COUNT, lode_filter_log2(COUNT), PART, PART, 1);
    expect(fake_is_cut(&fake));
    close(fake.fd);
    pump();
    expect_eq(store->waits->filters.count, 0);
}
