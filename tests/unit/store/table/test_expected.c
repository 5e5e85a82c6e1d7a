/* Ids that somebody refers to before they exist: who is charged with them, and how many may be. */
#include "store/table/expected.h"
#include "store/sessions/packets.h"
#include "tests/unit/store/fake_client.h"

enum { AT_ONCE = 4096, OWN = 300000 };

TestSuite(expected, .init = store_setup, .fini = store_teardown, .timeout = 120);

static uint64_t
charged(const struct fake *fake)
{
    return store->table.truth_rows[fake->row].expected;
}

static uint64_t
charged_own(const struct fake *fake)
{
    return store->table.truth_rows[fake->row].expected_own;
}

/* Takes `count` references to ids that differ, from `first` on; of the maker, or users' ids. */
static void
take_many(struct fake *fake, const struct fake *maker, uint64_t first, uint64_t count)
{
    for (uint64_t i = first; i < first + count; i++) {
        fake_take(fake, maker != NULL ? result(maker, i) : user(i));
        if (i % AT_ONCE == 0) {
            fake_ring(fake);
        }
    }
    fake_ring(fake);
}

Test(expected, ids_of_others_are_so_many_and_one_more_cuts)
{
    struct fake greedy = fake_attach(0), good = fake_attach(0);
    uint64_t half = LODE_SESSION_EXPECTED_MAX / 2;
    take_many(&greedy, NULL, 1, half);
    take_many(&greedy, &good, 1, half);
    expect_eq(charged(&greedy), LODE_SESSION_EXPECTED_MAX);
    take_many(&greedy, NULL, 1, 10); /* again: they cost nothing */
    expect(store_session(store, greedy.number) != NULL);
    take_many(&good, NULL, half, 2); /* there, and one that is not */
    expect_eq(charged(&good), 1);
    take_many(&greedy, NULL, half + 2, 1);
    expect(fake_is_cut(&greedy));
    expect_eq(store->table.state_count[LODE_ENTRY_EXPECTED], 2); /* the good one's */
    expect_eq(charged(&good), 2);                                /* it inherited one */
    fake_die(&greedy);
    take_many(&good, NULL, 1, half);
    expect(store_session(store, good.number) != NULL);
    fake_die(&good);
    expect_eq(store->table.state_count[LODE_ENTRY_EXPECTED], 0);
}

Test(expected, results_of_its_own_may_be_many_more)
{
    struct fake fake = fake_attach(0);
    take_many(&fake, &fake, 1, OWN);
    expect_eq(store->table.state_count[LODE_ENTRY_EXPECTED], OWN);
    expect_eq(charged(&fake), 0);
    expect_eq(charged_own(&fake), OWN);
    fake_die(&fake);
    expect_eq(store->table.state_count[LODE_ENTRY_EXPECTED], 0);
}

/* Drained while it is charged with so many more that one is left; whether that cut it. */
static bool
is_cut_by(struct fake *fake, uint16_t type, lode_id first, lode_id second)
{
    uint64_t *own = &store->table.truth_rows[fake->row].expected_own;
    uint64_t more = LODE_SESSION_EXPECTED_OWN_MAX - 1 - *own;
    *own += more;
    fake_reference(fake, type, first);
    ring_drain(store, fake->session);
    expect(!fake->session->cut);
    fake_reference(fake, type, second);
    ring_drain(store, fake->session);
    *own -= more;
    return fake->session->cut;
}

Test(expected, but_not_without_bound_whether_taken_or_dropped)
{
    struct fake takes = fake_attach(0);
    expect(is_cut_by(&takes, LODE_RECORD_TAKE, result(&takes, 1), result(&takes, 2)));
    fake_die(&takes);
    expect_eq(store->table.state_count[LODE_ENTRY_EXPECTED], 0);
}

/* The type of the answer to a TAKE by packet. */
static int
take_by_packet(struct fake *fake, lode_id id)
{
    struct lode_msg_lookup take = {.head = {.type = LODE_MSG_TAKE, .tag = 1}, .id = id};
    struct {
        struct lode_msg_error error;
        char text[1024];
    } answer = {0};
    fake_send(fake, &take, sizeof take);
    must(packets_handle(store, fake->session, &take, sizeof take));
    int type = fake_receive(fake, &answer, sizeof answer, NULL);
    expect(type == LODE_MSG_OK || answer.error.err == LODE_ELIMIT);
    expect_eq(recv(fake->session->fd, &take, sizeof take, 0), (ssize_t)sizeof take);
    return type;
}

Test(expected, a_reference_by_packet_beyond_the_limit_is_refused_and_cuts_nobody)
{
    struct fake fake = fake_attach(0), maker = fake_attach(0);
    struct lode_session_row *row = &store->table.rows[fake.row];
    uint64_t *expected = &store->table.truth_rows[fake.row].expected;
    expect_eq(take_by_packet(&fake, result(&maker, 1)), LODE_MSG_OK);
    expect_eq(row->expected, 1); /* what the client sees */
    *expected += LODE_SESSION_EXPECTED_MAX - 1;
    expect_eq(take_by_packet(&fake, result(&maker, 1)), LODE_MSG_OK); /* once more: costs nothing */
    expect_eq(take_by_packet(&fake, result(&maker, 2)), LODE_MSG_ERROR);
    *expected -= LODE_SESSION_EXPECTED_MAX - 1;
    expect_eq(take_by_packet(&fake, result(&maker, 2)), LODE_MSG_OK);
    expect_eq(take_by_packet(&fake, result(&fake, 1)), LODE_MSG_OK);
    expect_eq(row->expected, 2);
    expect_eq(row->expected_own, 1);
    expect(store_session(store, fake.number) != NULL);
    fake_die(&fake);
    fake_die(&maker);
    expect_eq(store->table.state_count[LODE_ENTRY_EXPECTED], 0);
}

static void
drop_many(struct fake *fake, bool reserved, uint64_t count)
{
    for (uint64_t i = 1; i <= count; i++) {
        fake_drop(fake, reserved ? lode_id_reserve(fake->number, i) : result(fake, i));
        if (i % AT_ONCE == 0) {
            fake_ring(fake);
        }
    }
    fake_ring(fake);
}

/* lode_drop() cannot fail: a program may drop as many results as it likes before they come. */
Test(expected, results_and_reserved_ids_dropped_before_they_come_cost_no_entry_and_cut_nobody)
{
    struct fake fake = fake_attach(0);
    drop_many(&fake, false, LODE_SESSION_EXPECTED_OWN_MAX + 1);
    drop_many(&fake, true, LODE_SESSION_EXPECTED_OWN_MAX + 1);
    expect(store_session(store, fake.number) != NULL);
    expect_eq(store->table.state_count[LODE_ENTRY_EXPECTED], 0);
    expect_eq(charged_own(&fake), 0);
    fake_die(&fake);
}

Test(expected, what_was_dropped_before_it_came_is_freed_when_it_comes)
{
    struct fake fake = fake_attach(0), other = fake_attach(0);
    fake_drop(&fake, lode_id_reserve(fake.number, 1));
    fake_drop(&fake, lode_id_reserve(fake.number, 2));
    fake_ring(&fake);
    fake_take(&other, lode_id_reserve(fake.number, 2));
    fake_ring(&other);
    lode_id nobodys = fake_put_reserved(&fake, 1), others = fake_put_reserved(&fake, 2);
    lode_id mine = fake_put_reserved(&fake, 3);
    fake_ring(&fake);
    expect_eq(state_of(nobodys), LODE_ENTRY_FREE);
    expect_eq(state_of(others), LODE_ENTRY_SEALED);
    expect_eq(state_of(mine), LODE_ENTRY_SEALED);
    expect_eq(fake_lookup(&other, nobodys, 0), LODE_FOUND_GONE);
    fake_drop(&other, others);
    fake_ring(&other);
    expect_eq(state_of(others), LODE_ENTRY_FREE);
    fake_die(&fake);
    fake_die(&other);
}

Test(expected, what_is_its_own_stays_charged_to_it_while_others_refer_to_it)
{
    struct fake maker = fake_attach(0), other = fake_attach(0);
    fake_take(&maker, result(&maker, 1));
    fake_ring(&maker);
    fake_take(&other, result(&maker, 1));
    fake_ring(&other);
    fake_drop(&maker, result(&maker, 1));
    fake_drop(&maker, result(&maker, 1)); /* that from birth, too */
    fake_ring(&maker);
    expect_eq(charged_own(&maker), 1);
    expect_eq(charged(&other), 0);
    fake_drop(&other, result(&maker, 1));
    fake_ring(&other);
    expect_eq(charged_own(&maker), 0); /* that nobody wants it is remembered without an entry */
    fake_die(&maker);
    expect_eq(store->table.state_count[LODE_ENTRY_EXPECTED], 0);
    fake_die(&other);
}

Test(expected, what_comes_or_is_dropped_is_charged_no_more)
{
    struct fake fake = fake_attach(0), submitter = fake_attach(0);
    struct lode_msg_created draft;
    fake_take(&fake, user(1));
    fake_take(&fake, user(2));
    fake_take(&fake, result(&submitter, 1));
    fake_ring(&fake);
    expect_eq(charged(&fake), 3);
    fake_create(&submitter, user(1), 10, 0, &draft);
    expect_eq(charged(&fake), 2);
    fake_drop(&fake, user(2));
    fake_drop(&fake, result(&submitter, 1)); /* its submitter's reference says no more than none */
    fake_ring(&fake);
    expect_eq(charged(&fake), 0);
    expect_eq(store->table.state_count[LODE_ENTRY_EXPECTED], 0);
    fake_die(&fake);
    fake_die(&submitter);
}

Test(expected, an_abort_leaves_the_charge_to_who_still_refers)
{
    struct fake maker = fake_attach(0), fake = fake_attach(0);
    struct lode_msg_created draft;
    fake_create(&maker, user(1), 10, 0, &draft);
    fake_take(&fake, user(1));
    fake_ring(&fake);
    expect_eq(charged(&fake), 0);
    fake_draft_call(&maker, LODE_MSG_ABORT, &draft);
    expect_eq(state_of(user(1)), LODE_ENTRY_EXPECTED);
    expect_eq(charged(&fake), 1);
    fake_die(&fake);
    fake_die(&maker);
}

Test(expected, whoever_ends_hands_the_charge_on)
{
    struct fake first = fake_attach(0), second = fake_attach(0);
    take_many(&first, NULL, 1, 100);
    take_many(&second, NULL, 1, 100);
    expect_eq(charged(&first), 100);
    expect_eq(charged(&second), 0);
    fake_die(&first);
    expect_eq(charged(&second), 100);
    fake_die(&second);
    expect_eq(store->table.state_count[LODE_ENTRY_EXPECTED], 0);
}

/* A container that holds what does not exist, from a session that may refer to no more. */
Test(expected, a_create_beyond_the_quota_is_refused_with_a_sentence)
{
    struct fake fake = fake_attach(0), submitter = fake_attach(0);
    struct {
        struct lode_msg_create create;
        lode_id holds[1];
        char bytes[3];
    } __attribute__((packed))
    put = {.create = {.head = {.type = LODE_MSG_PUT, .tag = 1}, .size = 3, .hold_count = 1},
           .bytes = "box"};
    struct {
        struct lode_msg_error error;
        char text[1024];
    } answer = {0};
    uint64_t *expected = &store->table.truth_rows[fake.row].expected;
    put.create.id = fake_next(&fake);
    put.holds[0] = result(&submitter, 1);
    *expected += LODE_SESSION_EXPECTED_MAX;
    fake_send(&fake, &put, sizeof put);
    must(packets_handle(store, fake.session, &put, sizeof put));
    *expected -= LODE_SESSION_EXPECTED_MAX;
    expect_eq(fake_receive(&fake, &answer, sizeof answer, NULL), LODE_MSG_ERROR);
    expect_eq(answer.error.err, LODE_ELIMIT);
    expect_text(answer.text, "that do not exist");
    pump(); /* the same once more, with quota */
    expect_eq(fake_receive(&fake, &answer, sizeof answer, NULL), LODE_MSG_CREATED);
    expect_eq(charged(&fake), 1);
    fake_die(&fake);
    fake_die(&submitter);
}

/* As by ring: it adds to nothing that does not exist. */
Test(expected, a_put_under_an_id_that_nobody_knew_needs_no_quota)
{
    struct fake fake = fake_attach(0);
    struct {
        struct lode_msg_create create;
        char bytes[3];
    } __attribute__((packed))
    put = {.create = {.head = {.type = LODE_MSG_PUT, .tag = 1}, .size = 3}, .bytes = "new"};
    struct lode_msg_created answer;
    uint64_t *expected = &store->table.truth_rows[fake.row].expected;
    put.create.id = fake_next(&fake);
    *expected += LODE_SESSION_EXPECTED_MAX;
    must(packets_handle(store, fake.session, &put, sizeof put));
    *expected -= LODE_SESSION_EXPECTED_MAX;
    expect_eq(fake_receive(&fake, &answer, sizeof answer, NULL), LODE_MSG_CREATED);
    expect_eq(state_of(put.create.id), LODE_ENTRY_SEALED);
    fake_die(&fake);
}
