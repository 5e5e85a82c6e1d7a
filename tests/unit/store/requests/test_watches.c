/* What a session that sent WATCH is told, and how it takes that back. */
#include "store/requests/slow.h"
#include "store/requests/watches.h"
#include "store/sessions/packets.h"
#include "store/waits/waits.h"
#include "tests/unit/store/fake_client.h"

TestSuite(watches, .init = store_setup, .fini = store_teardown, .timeout = 120);

Test(watches, a_watch_is_told_once_for_each_id)
{
    struct fake maker = fake_attach(0), watcher = fake_attach(0);
    struct lode_msg_created draft;
    lode_id there = fake_put(&maker, "x", 1);
    struct {
        struct lode_msg_watch head;
        lode_id ids[2];
    } watch = {.head = {.head = {.type = LODE_MSG_WATCH}, .cookie = 42, .count = 2},
               .ids = {there, user(1)}};
    struct {
        struct lode_msg_watch head;
        struct lode_msg_ready ready[2];
    } notify;
    fake_create(&maker, user(1), 10, 0, &draft);
    fake_send(&watcher, &watch, sizeof watch);
    pump();
    expect_eq(fake_receive(&watcher, &notify, sizeof notify, NULL), LODE_MSG_NOTIFY);
    expect_eq(notify.head.cookie, 42);
    expect_eq(notify.head.count, 1);
    expect(lode_id_same(notify.ready[0].id, there));
    expect_eq(notify.ready[0].status, LODE_FOUND_SEALED);
    fake_draft_call(&maker, LODE_MSG_SEAL, &draft);
    expect_eq(fake_receive(&watcher, &notify, sizeof notify, NULL), LODE_MSG_NOTIFY);
    expect(lode_id_same(notify.ready[0].id, user(1)));
    expect(!fake_has_packet(&watcher));
    watch.ids[0] = user(2);
    watch.ids[1] = user(3);
    fake_send(&watcher, &watch, sizeof watch);
    watch.head.head.type = LODE_MSG_UNWATCH;
    watch.head.head.tag = 1;
    watch.head.count = 0; /* all of them */
    fake_send(&watcher, &watch, sizeof watch.head);
    pump();
    expect_eq(fake_receive(&watcher, &notify, sizeof notify, NULL), LODE_MSG_OK);
    expect(!waits_any(store, user(2)));
    fake_die(&maker);
    fake_die(&watcher);
}

static void
watch_one(struct fake *fake, lode_id id, uint64_t cookie)
{
    struct {
        struct lode_msg_watch head;
        lode_id id;
    } watch = {.head = {.head = {.type = LODE_MSG_WATCH}, .cookie = cookie, .count = 1}, .id = id};
    fake_send(fake, &watch, sizeof watch);
    pump();
}

Test(watches, of_two_cookies_are_told_apart_though_both_ids_are_decided_in_one_turn)
{
    struct fake maker = fake_attach(0), watcher = fake_attach(0);
    struct {
        struct lode_msg_watch head;
        struct lode_msg_ready ready[2];
    } notify;
    struct lode_msg_created draft[2];
    for (uint64_t n = 1; n <= 2; n++) {
        fake_create(&maker, user(n), 10, 0, &draft[n - 1]);
        watch_one(&watcher, user(n), 40 + n);
    }
    for (int i = 0; i < 2; i++) {
        struct lode_msg_draft seal = {
            .head.type = LODE_MSG_SEAL, .entry = draft[i].entry, .generation = draft[i].generation};
        must(packets_handle(store, maker.session, &seal, sizeof seal));
    }
    pump();
    for (uint64_t n = 1; n <= 2; n++) {
        expect_eq(fake_receive(&watcher, &notify, sizeof notify, NULL), LODE_MSG_NOTIFY);
        expect_eq(notify.head.cookie, 40 + n);
        expect_eq(notify.head.count, 1);
        expect(lode_id_same(notify.ready[0].id, user(n)));
    }
    fake_die(&maker);
    fake_die(&watcher);
}

/* Each id is told to both watches: the first id first, but in one packet a cookie. */
Test(watches, of_the_same_ids_are_told_in_one_packet_each)
{
    enum { COUNT = 100 };
    struct fake maker = fake_attach(0), watcher = fake_attach(0);
    struct {
        struct lode_msg_watch head;
        struct lode_msg_ready ready[COUNT];
    } notify;
    struct lode_msg_created draft[COUNT];
    for (uint64_t i = 0; i < COUNT; i++) {
        fake_create(&maker, user(i + 1), 10, 0, &draft[i]);
        watch_one(&watcher, user(i + 1), 41);
        watch_one(&watcher, user(i + 1), 42);
    }
    for (uint64_t i = 0; i < COUNT; i++) {
        struct lode_msg_draft seal = {
            .head.type = LODE_MSG_SEAL, .entry = draft[i].entry, .generation = draft[i].generation};
        must(packets_handle(store, maker.session, &seal, sizeof seal));
    }
    pump();
    for (uint64_t cookie = 41; cookie <= 42; cookie++) {
        expect_eq(fake_receive(&watcher, &notify, sizeof notify, NULL), LODE_MSG_NOTIFY);
        expect_eq(notify.head.cookie, cookie);
        expect_eq(notify.head.count, COUNT);
        for (uint64_t i = 0; i < COUNT; i++) {
            expect(lode_id_same(notify.ready[i].id, user(i + 1)));
        }
    }
    expect(!fake_has_packet(&watcher));
    fake_die(&maker);
    fake_die(&watcher);
}

/*
 * A watch of an object that lies in a ring ends; `count` 1: by its id, 0: by its cookie. The put
 * has returned before the watcher's time was up, and nobody has told the store of it yet.
 */
static void
end_late(uint32_t count)
{
    struct fake maker = fake_attach(0), watcher = fake_attach(0);
    lode_id id = lode_id_reserve(maker.number, 1);
    struct {
        struct lode_msg_watch head;
        lode_id id;
    } end = {.head = {.head = {.type = LODE_MSG_UNWATCH, .tag = 1},
                      .cookie = 7,
                      .count = count,
                      .drain = 1},
             .id = id};
    struct {
        struct lode_msg_watch head;
        struct lode_msg_ready ready;
    } notify;
    watch_one(&watcher, id, 7);
    struct lode_made made = {.id = id, .size = 1, .carried = lode_ring_align(1)};
    uint8_t *at = fake_record(&maker, LODE_RECORD_PUT, sizeof made + made.carried);
    memcpy(at, &made, sizeof made);
    fake_publish(&maker); /* and its bell rings too late */
    fake_send(&watcher, &end, sizeof end.head + count * sizeof id);
    pump();
    expect_eq(fake_receive(&watcher, &notify, sizeof notify, NULL), LODE_MSG_NOTIFY);
    expect(lode_id_same(notify.ready.id, id));
    expect_eq(notify.ready.status, LODE_FOUND_SEALED);
    expect_eq(fake_receive(&watcher, &notify, sizeof notify, NULL), LODE_MSG_OK);
    fake_die(&maker);
    fake_die(&watcher);
}

Test(watches, a_watch_that_ends_late_finds_what_lies_in_a_ring)
{
    end_late(0);
}

Test(watches, one_id_of_a_watch_that_ends_late_is_found_in_a_ring)
{
    end_late(1);
}

/* Another's packets fill the watcher's socket; it sends nothing itself, and then it reads. */
Test(watches, notices_that_the_socket_did_not_take_come_when_it_is_read)
{
    enum { COUNT = 300 };
    struct fake maker = fake_attach(0), watcher = fake_attach(0);
    struct lode_msg_created draft[COUNT];
    int small = 4096;
    setsockopt(watcher.session->fd, SOL_SOCKET, SO_SNDBUF, &small, sizeof small);
    for (uint64_t i = 0; i < COUNT; i++) {
        fake_create(&maker, user(i + 1), 10, 0, &draft[i]);
        watch_one(&watcher, user(i + 1), i); /* a cookie, and so a packet, for each */
    }
    for (uint64_t i = 0; i < COUNT; i++) {
        fake_draft_call(&maker, LODE_MSG_SEAL, &draft[i]);
    }
    expect(!outbox_is_empty(&watcher.session->out));
    for (uint64_t i = 0; i < COUNT; i++) {
        struct {
            struct lode_msg_watch head;
            struct lode_msg_ready ready;
        } notify;
        pump();
        expect_eq(fake_receive(&watcher, &notify, sizeof notify, NULL), LODE_MSG_NOTIFY);
        expect_eq(notify.head.cookie, i);
        expect(lode_id_same(notify.ready.id, user(i + 1)));
    }
    pump();
    expect(!fake_has_packet(&watcher));
    expect(!watcher.session->wants_output); /* nothing is kept: epoll is not to say so for ever */
    fake_die(&maker);
    fake_die(&watcher);
}

Test(watches, one_id_of_a_watch_is_taken_back_and_the_others_stay)
{
    struct fake maker = fake_attach(0), watcher = fake_attach(0);
    struct {
        struct lode_msg_watch head;
        lode_id ids[2];
    } watch = {.head = {.head = {.type = LODE_MSG_WATCH}, .cookie = 7, .count = 2}};
    uint8_t answer[1024];
    watch.ids[0] = lode_id_reserve(maker.number, 1);
    watch.ids[1] = lode_id_reserve(maker.number, 2);
    fake_send(&watcher, &watch, sizeof watch);
    watch.head.head.type = LODE_MSG_UNWATCH;
    watch.head.head.tag = 1;
    watch.head.count = 1;
    fake_send(&watcher, &watch, sizeof watch.head + sizeof watch.ids[0]);
    pump();
    expect_eq(fake_receive(&watcher, answer, sizeof answer, NULL), LODE_MSG_OK);
    expect(!waits_any(store, watch.ids[0]));
    expect(waits_any(store, watch.ids[1]));
    fake_die(&maker);
    fake_die(&watcher);
}

/* The news of one session's end cuts another that the loop has passed already. */
Test(watches, that_cut_a_session_while_others_end_end_it_too)
{
    struct fake submitter = fake_attach(0), watcher = fake_attach(0);
    for (uint64_t i = 1; i < 3; i++) {
        must(waits_arm(store, watcher.session, result(&submitter, i), i, true));
    }
    close(watcher.fd); /* what it is told does not arrive */
    session_cut(submitter.session, "the test says so");
    store_settle(store, false);
    expect(store_session(store, submitter.number) == NULL);
    expect(store_session(store, watcher.number) == NULL);
    pump();
}

struct many {
    struct lode_msg_watch head;
    lode_id ids[LODE_STORE_IDS_MAX];
};

/* Sends a WATCH with as many ids as a packet has, and lets the store read it. */
static void
watch_many(struct fake *fake, struct many *many)
{
    many->head = (struct lode_msg_watch){
        .head = {.type = LODE_MSG_WATCH, .tag = 1}, .cookie = 7, .count = LODE_STORE_IDS_MAX};
    for (uint32_t i = 0; i < LODE_STORE_IDS_MAX; i++) {
        many->ids[i] = user(i + 1);
    }
    fake_send(fake, many, sizeof *many);
    socket_ready(fake->session);
}

/* In one go a packet with many ids would keep all other sessions waiting. */
Test(watches, of_many_ids_are_armed_in_parts_and_the_next_packet_waits_for_the_last)
{
    static struct many many;
    struct fake watcher = fake_attach(0);
    struct lode_msg_watch end = {.head = {.type = LODE_MSG_UNWATCH, .tag = 2}, .cookie = 7};
    struct lode_msg_head answer;
    watch_many(&watcher, &many);
    fake_send(&watcher, &end, sizeof end);
    socket_ready(watcher.session);
    expect_eq(watcher.session->wait_count, WATCHES_AT_ONCE);
    expect(!fake_has_packet(&watcher));
    while (slow_is_under_way(watcher.session)) {
        chores_turn(store);
    }
    expect_eq(watcher.session->wait_count, LODE_STORE_IDS_MAX);
    expect_eq(fake_receive(&watcher, &answer, sizeof answer, NULL), LODE_MSG_OK);
    expect_eq(answer.tag, 1);
    socket_ready(watcher.session);
    expect_lt(0, watcher.session->wait_count); /* they end in parts, too */
    expect(!fake_has_packet(&watcher));
    pump();
    expect_eq(watcher.session->wait_count, 0);
    expect_eq(fake_receive(&watcher, &answer, sizeof answer, NULL), LODE_MSG_OK);
    expect_eq(answer.tag, 2);
    fake_die(&watcher);
}

Test(watches, that_are_told_while_others_of_their_packet_are_armed_are_told_once)
{
    static struct many many;
    struct fake watcher = fake_attach(0), maker = fake_attach(0);
    struct lode_msg_created draft;
    struct {
        struct lode_msg_watch head;
        struct lode_msg_ready ready[4];
    } notify;
    watch_many(&watcher, &many);
    fake_create(&maker, user(1), 10, 0, &draft);
    fake_draft_call(&maker, LODE_MSG_SEAL, &draft);
    fake_create(&maker, user(LODE_STORE_IDS_MAX), 10, 0, &draft);
    fake_draft_call(&maker, LODE_MSG_SEAL, &draft);
    pump();
    uint32_t told = 0;
    while (fake_has_packet(&watcher)) {
        if (fake_receive(&watcher, &notify, sizeof notify, NULL) == LODE_MSG_NOTIFY) {
            told += notify.head.count;
        }
    }
    expect_eq(told, 2);
    expect_eq(watcher.session->wait_count, LODE_STORE_IDS_MAX - 2);
    fake_die(&watcher);
    fake_die(&maker);
}

Test(watches, that_are_not_all_armed_yet_end_with_their_session)
{
    static struct many many;
    struct fake watcher = fake_attach(0);
    watch_many(&watcher, &many);
    expect(slow_is_under_way(watcher.session));
    fake_die(&watcher);
    pump();
    expect(!waits_any(store, user(1)));
    expect(!waits_any(store, user(LODE_STORE_IDS_MAX)));
}
