/* What a session that sent CHECK is told, of ids and of rows of them. */
#include "store/requests/slow.h"
#include "store/requests/watches.h"
#include "store/waits/pool.h"
#include "store/waits/waits.h"
#include "tests/unit/store/fake_client.h"

TestSuite(checks, .init = store_setup, .fini = store_teardown, .timeout = 120);

static struct {
    struct lode_msg_check msg;
    uint8_t bits[LODE_STORE_ROW_MAX / 8];
} checked;

static void
check(struct fake *fake, const lode_id *ids, uint32_t count, uint32_t step, bool drain)
{
    struct {
        struct lode_msg_check msg;
        lode_id ids[8];
    } packet = {.msg = {.head = {.type = LODE_MSG_CHECK, .tag = 4},
                        .count = count,
                        .step = step,
                        .drain = drain}};
    uint32_t id_count = step == 0 ? count : 1;
    memcpy(packet.ids, ids, id_count * sizeof *ids);
    fake_send(fake, &packet, sizeof packet.msg + id_count * sizeof *ids);
    fake_until_answered(fake);
    expect_eq(fake_receive(fake, &checked, sizeof checked, NULL), LODE_MSG_CHECKED);
    expect_eq(checked.msg.count, count);
}

static bool
is_ready(uint32_t i)
{
    return (checked.bits[i / 8] >> i % 8 & 1) != 0;
}

Test(checks, tell_what_is_sealed_and_what_will_never_be_and_arm_nothing)
{
    struct fake maker = fake_attach(0), asker = fake_attach(0);
    struct lode_msg_created draft;
    lode_id there = fake_put(&maker, "x", 1);
    fake_create(&maker, user(1), 10, 0, &draft);
    const lode_id ids[6] = {there,
                            user(1),
                            user(2),
                            lode_id_make(LODE_ID_PUT, maker.number, 1 << 20),
                            lode_id_reserve(maker.number, 1),
                            lode_id_reserve(maker.number + 7, 1)};
    check(&asker, ids, 6, 0, true);
    expect(is_ready(0) && !is_ready(1) && !is_ready(2));
    expect(is_ready(3)); /* its put would have come before anybody knew of it */
    expect(!is_ready(4));
    expect(is_ready(5)); /* of no session */
    expect_eq(store->waits->used, 0);
    fake_die(&maker);
    fake_die(&asker);
}

Test(checks, find_what_lies_in_a_ring_if_they_drain_it)
{
    struct fake maker = fake_attach(0), asker = fake_attach(0);
    lode_id id = fake_put_reserved(&maker, 1); /* nobody has told the store */
    check(&asker, &id, 1, 0, false);
    expect(!is_ready(0));
    check(&asker, &id, 1, 0, true);
    expect(is_ready(0));
    fake_die(&maker);
    fake_die(&asker);
}

Test(checks, of_a_row_say_the_same_as_checks_of_each)
{
    enum { MADE = 5000, ROW = 3 * CHECKS_AT_ONCE };
    struct fake maker = fake_attach(0), asker = fake_attach(0);
    lode_id first = lode_id_reserve(maker.number, 1), made = fake_put_reserved(&maker, MADE);
    lode_id dropped = fake_put_reserved(&maker, MADE - 2);
    fake_drop(&maker, dropped); /* gone: it was made */
    for (uint32_t step = 1; step < 4; step++) {
        check(&asker, &first, ROW, step, true);
        for (uint32_t i = 0; i < ROW; i++) {
            lode_id id = lode_id_plus(first, (uint64_t)i * step);
            expect_eq(is_ready(i), lode_id_same(id, made) || lode_id_same(id, dropped));
        }
    }
    fake_die(&maker);
    pump();
    check(&asker, &first, ROW, 1, true);
    expect(is_ready(0) && is_ready(ROW - 1)); /* none will come */
    fake_die(&asker);
}

Test(checks, of_a_long_row_are_answered_in_parts_and_the_next_packet_waits)
{
    struct fake asker = fake_attach(0);
    struct {
        struct lode_msg_check msg;
        lode_id id;
    } packet = {
        .msg = {.head = {.type = LODE_MSG_CHECK, .tag = 4}, .count = LODE_STORE_ROW_MAX, .step = 1},
        .id = user(1)};
    struct lode_msg_head ask = {.type = LODE_MSG_STATS, .tag = 1};
    struct lode_msg_stats answer;
    fake_send(&asker, &packet, sizeof packet);
    fake_send(&asker, &ask, sizeof ask);
    fake_round();
    expect(slow_is_under_way(asker.session));
    expect(!fake_has_packet(&asker));
    pump();
    expect_eq(fake_receive(&asker, &checked, sizeof checked, NULL), LODE_MSG_CHECKED);
    expect(!is_ready(0) && !is_ready(LODE_STORE_ROW_MAX - 1));
    expect_eq(fake_receive(&asker, &answer, sizeof answer, NULL), LODE_MSG_STATS_ARE);
    fake_die(&asker);
}

Test(checks, are_forgotten_when_their_session_ends_meanwhile)
{
    struct fake asker = fake_attach(0);
    struct {
        struct lode_msg_check msg;
        lode_id id;
    } packet = {
        .msg = {.head = {.type = LODE_MSG_CHECK, .tag = 4}, .count = LODE_STORE_ROW_MAX, .step = 1},
        .id = user(1)};
    fake_send(&asker, &packet, sizeof packet);
    fake_round();
    fake_die(&asker);
    pump();
    expect_eq(store->session_count, 0);
}

Test(checks, of_more_than_a_packet_may_mean_end_their_session)
{
    static const struct {
        uint32_t count, step;
    } wrong[] = {{2, 0}, {LODE_STORE_ROW_MAX + 1, 1}, {2, LODE_STORE_STEP_MAX + 1}};
    for (int i = 0; i < 3; i++) {
        struct fake asker = fake_attach(0);
        struct {
            struct lode_msg_check msg;
            lode_id id;
        } packet = {.msg = {.head = {.type = LODE_MSG_CHECK, .tag = 4},
                            .count = wrong[i].count,
                            .step = wrong[i].step},
                    .id = user(1)};
        fake_send(&asker, &packet, sizeof packet);
        pump();
        expect(fake_is_cut(&asker));
        fake_die(&asker);
    }
}

/* Minutes of looking, if the store took the step as it came. */
Test(checks, of_ids_that_lie_far_apart_take_the_store_a_moment)
{
    struct fake maker = fake_attach(0), asker = fake_attach(0);
    struct {
        struct lode_msg_check msg;
        lode_id id;
    } packet = {.msg = {.head = {.type = LODE_MSG_CHECK, .tag = 4},
                        .count = LODE_STORE_ROW_MAX,
                        .step = LODE_STORE_STEP_MAX},
                .id = lode_id_reserve(maker.number, 1)};
    fake_send(&asker, &packet, sizeof packet);
    fake_until_answered(&asker);
    expect_eq(fake_receive(&asker, &checked, sizeof checked, NULL), LODE_MSG_CHECKED);
    expect(!is_ready(0) && !is_ready(LODE_STORE_ROW_MAX - 1));
    packet.msg.step = UINT32_MAX;
    fake_send(&asker, &packet, sizeof packet);
    pump();
    expect(fake_is_cut(&asker));
    fake_die(&maker);
    fake_die(&asker);
}
