/* The packets before which every ring is drained: in parts, between which others are served. */
#include "tests/unit/store/fake_client.h"

#include "store/requests/slow.h"

TestSuite(swept, .init = store_setup, .fini = store_teardown, .timeout = 120);

enum {
    MAKERS = 12,
    RECORDS = 1500,          /* of each */
    AT_ONCE = 4096 + RECORDS /* the most that one part drains */
};

static struct fake makers[MAKERS];

/* Rings with much in them, of which nobody has told the store. */
static void
fill_rings(void)
{
    for (int m = 0; m < MAKERS; m++) {
        makers[m] = fake_attach(0);
        for (uint64_t i = 0; i < RECORDS / 2; i++) {
            fake_take(&makers[m], user(1 + i % 8));
            fake_drop(&makers[m], user(1 + i % 8));
        }
    }
}

static void
end_makers(void)
{
    for (int m = 0; m < MAKERS; m++) {
        fake_die(&makers[m]);
    }
}

/* Lets the store read the packet. It is not answered before all rings are drained, in parts. */
static void
expect_parts(struct fake *asker)
{
    uint64_t before = store->counts.ring_records;
    socket_ready(asker->session);
    expect_le(store->counts.ring_records - before, AT_ONCE);
    expect(slow_is_under_way(asker->session));
    expect(!fake_has_packet(asker));
    pump();
    expect_le(MAKERS * RECORDS, store->counts.ring_records - before);
}

Test(swept, rings_are_not_waited_for_by_others_when_a_watch_ends_late)
{
    struct fake maker = fake_attach(0), watcher = fake_attach(0);
    lode_id id = lode_id_reserve(maker.number, 1);
    struct lode_msg_watch end = {
        .head = {.type = LODE_MSG_UNWATCH, .tag = 1}, .cookie = 7, .drain = 1};
    struct {
        struct lode_msg_watch head;
        lode_id id;
    } begin = {.head = {.head = {.type = LODE_MSG_WATCH, .tag = 2}, .cookie = 7, .count = 1},
               .id = id};
    struct {
        struct lode_msg_watch head;
        struct lode_msg_ready ready;
    } notify;
    fake_send(&watcher, &begin, sizeof begin);
    pump();
    expect_eq(fake_receive(&watcher, &notify, sizeof notify, NULL), LODE_MSG_OK);
    fill_rings();
    struct lode_made made = {.id = id, .size = 1, .carried = lode_ring_align(1)};
    memcpy(fake_record(&maker, LODE_RECORD_PUT, sizeof made + made.carried), &made, sizeof made);
    fake_publish(&maker);
    fake_send(&watcher, &end, sizeof end);
    expect_parts(&watcher);
    expect_eq(fake_receive(&watcher, &notify, sizeof notify, NULL), LODE_MSG_NOTIFY);
    expect(lode_id_same(notify.ready.id, id));
    expect_eq(notify.ready.status, LODE_FOUND_SEALED);
    expect_eq(fake_receive(&watcher, &notify, sizeof notify, NULL), LODE_MSG_OK);
    end_makers();
    fake_die(&maker);
    fake_die(&watcher);
}

/* The reference that makes a result wanted lies in the last ring that is drained. */
Test(swept, rings_are_not_waited_for_by_others_when_results_are_told)
{
    struct fake taker = fake_attach(0), submitter = fake_attach(0),
                scheduler = fake_attach(LODE_HELLO_SCHEDULER);
    lode_id id = result(&submitter, 1);
    struct {
        struct lode_msg_settle head;
        lode_id id;
    } ask = {.head = {.head = {.type = LODE_MSG_RESULTS, .tag = 1},
                      .session = submitter.number,
                      .count = 1},
             .id = id};
    struct {
        struct lode_msg_settle head;
        uint8_t status[8];
    } settled;
    fake_die(&submitter);
    fill_rings();
    fake_take(&taker, id);
    fake_send(&scheduler, &ask, sizeof ask);
    expect_parts(&scheduler);
    expect_eq(fake_receive(&scheduler, &settled, sizeof settled, NULL), LODE_MSG_SETTLED);
    expect_eq(settled.status[0], LODE_FOUND_PENDING);
    end_makers();
    fake_die(&taker);
    fake_die(&scheduler);
}

Test(swept, packets_end_with_their_session)
{
    struct fake watcher = fake_attach(0);
    struct lode_msg_watch end = {
        .head = {.type = LODE_MSG_UNWATCH, .tag = 1}, .cookie = 7, .drain = 1};
    fill_rings();
    fake_send(&watcher, &end, sizeof end);
    socket_ready(watcher.session);
    expect(slow_is_under_way(watcher.session));
    fake_die(&watcher);
    pump();
    end_makers();
}
