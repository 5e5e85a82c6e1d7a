/*
 * watching.h: a session that watches many ids with one packet, as a row (ranges) or by a filter:
 * what the store tells it, and what is left in the store in the end.
 */
#ifndef TESTS_UNIT_STORE_WAITS_WATCHING_H
#define TESTS_UNIT_STORE_WAITS_WATCHING_H

#include "store/sessions/packets.h"
#include "store/waits/pool.h"
#include "store/waits/waits.h"
#include "tests/unit/store/fake_client.h"

enum { COOKIE = 7 }; /* of the watch */

static struct {
    struct lode_msg_watch head;
    struct lode_msg_ready ready[LODE_STORE_IDS_MAX];
} notify;

/* ---- what is said to the store ---- */

static inline void
expect_ok(struct fake *fake)
{
    struct lode_msg_head answer;
    expect_eq(fake_receive(fake, &answer, sizeof answer, NULL), LODE_MSG_OK);
}

static inline void
expect_limit(struct fake *fake)
{
    struct {
        struct lode_msg_error error;
        char text[200];
    } answer;
    expect_eq(fake_receive(fake, &answer, sizeof answer, NULL), LODE_MSG_ERROR);
    expect_eq(answer.error.err, LODE_ELIMIT);
}

/* The answer comes behind what the watch is still told. */
static inline void
send_unwatch(struct fake *fake, bool drain)
{
    struct lode_msg_watch end = {
        .head = {.type = LODE_MSG_UNWATCH, .tag = 2}, .cookie = COOKIE, .drain = drain};
    fake_send(fake, &end, sizeof end);
    pump();
}

static inline void
unwatch(struct fake *fake)
{
    send_unwatch(fake, false);
    expect_ok(fake);
}

/* ---- what the store tells ---- */

static inline void
receive(struct fake *fake, uint32_t count)
{
    pump();
    expect_eq(fake_receive(fake, &notify, sizeof notify, NULL), LODE_MSG_NOTIFY);
    expect_eq(notify.head.cookie, COOKIE);
    expect_eq(notify.head.count, count);
}

static inline void
receive_one(struct fake *fake, lode_id id, enum lode_found status)
{
    receive(fake, 1);
    expect(lode_id_same(notify.ready[0].id, id));
    expect_eq(notify.ready[0].status, status);
}

static inline void
expect_told(struct fake *fake, lode_id id, enum lode_found status)
{
    receive_one(fake, id, status);
    expect(!fake_has_packet(fake));
}

static inline void
expect_told_at_its_end(struct fake *fake, lode_id id, enum lode_found status)
{
    send_unwatch(fake, true);
    receive_one(fake, id, status);
    expect_ok(fake);
}

/* The scheduler asks what became of two results of a session that has ended. */
static inline void
ask_about_results(struct fake *scheduler, lode_id first, lode_id second, uint8_t status_out[2])
{
    struct {
        struct lode_msg_settle msg;
        lode_id ids[2];
    } say = {.msg = {.head = {.type = LODE_MSG_RESULTS, .tag = 1},
                     .session = lode_id_session(first),
                     .count = 2},
             .ids = {first, second}};
    struct {
        struct lode_msg_settle msg;
        uint8_t status[2];
    } answer;
    fake_send(scheduler, &say, sizeof say);
    pump();
    expect_eq(fake_receive(scheduler, &answer, sizeof answer, NULL), LODE_MSG_SETTLED);
    memcpy(status_out, answer.status, sizeof answer.status);
}

/* ---- what is left ---- */

/* Whether all who put by ring have to ring the store. */
static inline void
expect_all_buckets(uint32_t waited)
{
    for (uint32_t i = 0; i < LODE_WAKE_BUCKETS; i++) {
        expect_eq(atomic_load(&store->table.wakes[i].waited), waited);
    }
}

static inline void
expect_nothing_is_left(const struct fake *fake)
{
    expect_eq(fake->session->wait_count, 0);
    expect_eq(fake->session->range_count, 0);
    expect_eq(store->waits->range_count, 0);
    expect_eq(store->waits->filters.count, 0);
    for (uint32_t i = 0; i < LODE_WAKE_BUCKETS; i++) {
        expect_eq(store->wakes.armed[i], 0);
    }
}

#endif
