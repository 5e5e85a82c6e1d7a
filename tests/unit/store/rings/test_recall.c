/*
 * What is set aside for sessions that do not use it goes to those that want it, and is never taken
 * from a client that spends it at this moment (api/layout/session.h [4]).
 *
 * ctest: wrap syscall
 */
#include "store/rings/credit.h"
#include "tests/unit/store/rings/recall_world.h"

TestSuite(recall, .init = store_setup, .fini = store_teardown, .timeout = 120);

/* The client goes to sleep for want of so much, and rings. */
static void
wants(struct fake *fake, uint32_t pages, uint32_t entries)
{
    atomic_store(&fake->header->credit_need, pages | entries << 16);
    atomic_store(&fake->header->credit_waits, 1);
    fake_ring(fake);
}

enum { IDLE = 253 };
static struct fake idle[IDLE];

static void
attach_idle(void)
{
    for (int i = 0; i < IDLE; i++) {
        idle[i] = fake_attach(FENCED);
    }
}

static void
end_idle(void)
{
    for (int i = 0; i < IDLE; i++) {
        fake_die(&idle[i]);
    }
}

/* ---- who is served ---- */

Test(recall, gives_a_create_at_once_what_hundreds_of_idle_sessions_have_set_aside)
{
    struct fake fake = fake_attach(FENCED);
    struct lode_msg_created created;
    attach_idle();
    expect_lt(100, store->credit_pages);
    /* All but what the store keeps. */
    uint64_t size = FAKE_CAPACITY - (store->table.spare_pages + WASTED) * LODE_PAGE;
    expect_eq(fake_create(&fake, fake_next(&fake), size, 0, &created), LODE_MSG_CREATED);
    expect_eq(store->credit_pages, 0);
    expect_eq(store->counts.credit_recalls, IDLE + 1);
    fake_die(&fake);
    end_idle();
}

Test(recall, gives_a_put_what_idle_sessions_have_set_aside)
{
    fake_warm_all_pages();
    struct fake fake = fake_attach(FENCED), filler = fake_attach(0);
    attach_idle();
    fake_give_all_pages(&filler);
    expect_lt(pages_left(&fake), 40);
    wants(&fake, 40, 1);
    expect_le(40, pages_left(&fake));
    expect(!fake.session->in_line);
    expect_shown(&fake);
    fake_die(&fake);
    end_idle();
    fake_die(&filler);
}

/* At first a thread of its own session spends, and the others have nothing. */
Test(recall, gives_a_create_whose_time_is_up_what_its_own_session_has_set_aside)
{
    struct fake fake = fake_attach(FENCED);
    struct lode_msg_created created;
    fake_keeps_credit(&fake);
    atomic_store(&fake.header->spending, 1);
    uint64_t size = FAKE_CAPACITY - (store->table.spare_pages + WASTED) * LODE_PAGE;
    fake_ask(&fake, fake_next(&fake), size, 500);
    expect(!fake_has_packet(&fake));
    atomic_store(&fake.header->spending, 0);
    fake_until_answered(&fake);
    expect_eq(fake_receive(&fake, &created, sizeof created, NULL), LODE_MSG_CREATED);
    fake_die(&fake);
}

/* All but what the store keeps, what small objects leave free, and 8 pages of small objects. */
static uint64_t
all_but_a_few(void)
{
    return FAKE_CAPACITY - (store->table.spare_pages + WASTED + 8) * LODE_PAGE;
}

/* Its own session's puts and those of the other one were a moment ago, at any time. */
Test(recall, gives_a_create_that_waits_what_sessions_have_that_put_all_the_time)
{
    struct fake fake = fake_attach(FENCED), putter = fake_attach(FENCED);
    struct lode_msg_created created;
    fake_keeps_credit(&fake);
    fake_keeps_credit(&putter);
    expect_lt(8, pages_left(&putter));
    fake_ask(&fake, fake_next(&fake), all_but_a_few(), 3000);
    fake_until_answered(&fake);
    expect_eq(fake_receive(&fake, &created, sizeof created, NULL), LODE_MSG_CREATED);
    expect_eq(pages_left(&putter), 0);
    fake_die(&fake);
    fake_die(&putter);
}

/* Both keep what they have, as a thread of each spends. */
Test(recall, grants_nothing_ahead_of_need_while_a_create_could_have_the_room)
{
    static const char bytes[3000];
    struct fake fake = fake_attach(FENCED), putter = fake_attach(FENCED), late;
    struct lode_msg_created created;
    atomic_store(&fake.header->spending, 1);
    atomic_store(&putter.header->spending, 1);
    fake_ask(&fake, fake_next(&fake), all_but_a_few(), 5000);
    expect(!fake_has_packet(&fake));
    uint64_t left = pages_left(&putter);
    lode_id id = fake_put(&putter, bytes, sizeof bytes);
    fake_ring(&putter);
    expect_eq(pages_left(&putter), left - 1);
    fake_drop(&putter, id);
    fake_ring(&putter);
    late = fake_attach(FENCED);
    atomic_store(&late.header->spending, 1);
    expect_eq(pages_left(&late), 0);
    wants(&late, 2, 1);
    expect_eq(pages_left(&late), 2); /* but what it needs */
    atomic_store(&late.header->credit_waits, 0);
    fake_die(&late);
    atomic_store(&fake.header->spending, 0);
    atomic_store(&putter.header->spending, 0);
    fake_until_answered(&fake);
    expect_eq(fake_receive(&fake, &created, sizeof created, NULL), LODE_MSG_CREATED);
    fake_die(&fake); /* the room is there again */
    wants(&putter, 1, 1);
    atomic_store(&putter.header->credit_waits, 0);
    fake_put(&putter, bytes, sizeof bytes);
    fake_ring(&putter);
    expect_lt(1, pages_left(&putter));
    fake_die(&putter);
}

/* Each put finds credit that was granted before. */
static void
puts_stay_ahead(struct fake *putter)
{
    static const char bytes[3000];
    store->recall_again_ns = INT64_MAX; /* nobody is idle, however slow the test is */
    for (int i = 0; i < 20; i++) {
        fake_put(putter, bytes, sizeof bytes);
        fake_ring(putter);
        expect_le(8, pages_left(putter));
    }
}

/* Credit would not help it: puts stay as fast as ever. */
Test(recall, grants_ahead_of_need_while_a_create_waits_for_the_room_of_objects)
{
    struct fake fake = fake_attach(FENCED), putter = fake_attach(FENCED);
    struct lode_msg_created created;
    expect_eq(fake_create(&fake, fake_next(&fake), FAKE_CAPACITY / 2, 0, &created),
              LODE_MSG_CREATED);
    fake_keeps_credit(&putter);
    fake_ask(&fake, fake_next(&fake), FAKE_CAPACITY / 2, LODE_FOREVER);
    expect(!fake_has_packet(&fake));
    puts_stay_ahead(&putter);
    fake_die(&putter);
    fake_die(&fake);
}

/* Of 8 MiB half is free, in holes of 1 MiB. */
Test(recall, grants_ahead_of_need_while_a_create_waits_for_a_longer_hole)
{
    enum { OBJECTS = 7, MIB = 1 << 20 };
    struct fake fake = fake_attach(FENCED), putter = fake_attach(FENCED);
    struct lode_msg_created created[OBJECTS], all;
    expect_eq(fake_create(&fake, fake_next(&fake), OBJECTS * MIB, 0, &all), LODE_MSG_CREATED);
    expect_eq(fake_draft_call(&fake, LODE_MSG_ABORT, &all), LODE_MSG_OK); /* is warm: in order */
    for (int i = 0; i < OBJECTS; i++) {
        expect_eq(fake_create(&fake, fake_next(&fake), MIB, 0, &created[i]), LODE_MSG_CREATED);
    }
    for (int i = 1; i < OBJECTS; i += 2) {
        expect_eq(fake_draft_call(&fake, LODE_MSG_ABORT, &created[i]), LODE_MSG_OK);
    }
    fake_keeps_credit(&putter);
    fake_ask(&fake, fake_next(&fake), 3 * MIB, LODE_FOREVER);
    expect(!fake_has_packet(&fake));
    expect_le(3 * MIB / LODE_PAGE, arena_free_pages(store->arena));
    puts_stay_ahead(&putter);
    fake_die(&putter);
    fake_die(&fake);
}

/* All entries are credit of `holder`, who has used none for long. */
static void
all_entries_are_credit_of(struct fake *holder)
{
    (void)recall(store, NULL);
    fake_give_all_entries(holder);
    holder->session->active_ns = 0;
    store->recall_again_ns = 0;
}

static void
there_may_be_more(void)
{
    store->table.entry_max = LODE_ENTRY_MAX; /* for what the end of the test needs */
}

Test(recall, gives_a_put_near_the_limit_of_objects_the_entries_of_idle_sessions)
{
    struct fake fake = fake_attach(FENCED), other = fake_attach(FENCED);
    all_entries_are_credit_of(&other);
    expect_eq(entries_left(&fake), 0);
    wants(&fake, 0, 1);
    expect_le(1, entries_left(&fake));
    there_may_be_more();
    fake_die(&fake);
    fake_die(&other);
}

Test(recall, gives_a_create_near_the_limit_of_objects_the_entries_of_idle_sessions)
{
    struct fake fake = fake_attach(0), other = fake_attach(FENCED);
    struct lode_msg_created created;
    fake_keeps_credit(&fake);
    all_entries_are_credit_of(&other);
    fake_keeps_credit(&other);
    expect_eq(fake_create(&fake, fake_next(&fake), 1, 0, &created), LODE_MSG_ERROR);
    other.session->active_ns = 0;
    store->recall_again_ns = 0;
    expect_eq(fake_create(&fake, fake_next(&fake), 1, 0, &created), LODE_MSG_CREATED);
    there_may_be_more();
    fake_die(&fake);
    fake_die(&other);
}

/* Its own puts were a moment ago, so only the session itself may ask for that. */
Test(recall, gives_a_create_near_the_limit_of_objects_the_entries_of_its_own_session)
{
    struct fake fake = fake_attach(FENCED);
    struct lode_msg_created created;
    all_entries_are_credit_of(&fake);
    fake_keeps_credit(&fake);
    expect_eq(fake_create(&fake, fake_next(&fake), 1, 0, &created), LODE_MSG_CREATED);
    there_may_be_more();
    fake_die(&fake);
}

Test(recall, gives_a_name_and_a_reference_near_the_limit_of_objects_an_entry)
{
    struct fake fake = fake_attach(FENCED), other = fake_attach(FENCED);
    struct {
        struct lode_msg_name msg;
        char text[2];
    } name = {
        .msg = {.head = {.type = LODE_MSG_NAME_SET, .tag = 3}, .space_size = 1, .name_size = 1},
        .text = {'n', 'x'}};
    char answer[512];
    name.msg.id = fake_put(&fake, "x", 1);
    fake_ring(&fake);
    becomes_idle(&fake);
    all_entries_are_credit_of(&other);
    fake_send(&fake, &name, sizeof name.msg + 2);
    pump();
    expect_eq(fake_receive(&fake, answer, sizeof answer, NULL), LODE_MSG_OK);
    all_entries_are_credit_of(&other);
    fake_take(&fake, user(7)); /* by a record in the ring, while that is drained */
    fake_ring(&fake);
    expect_eq(state_of(user(7)), LODE_ENTRY_EXPECTED);
    expect_eq(atomic_load(&row_of(&fake)->refused), 0);
    there_may_be_more();
    fake_die(&fake);
    fake_die(&other);
}

Test(recall, lets_a_session_put_on_that_has_lost_what_it_had)
{
    struct fake fake = fake_attach(FENCED);
    lode_id first = fake_put(&fake, "x", 1);
    fake_ring(&fake);
    expect(recall(store, fake.session));
    expect_eq(pages_left(&fake), 0);
    expect_eq(entries_left(&fake), 0);
    expect_shown(&fake);
    wants(&fake, 2, 1);
    expect_eq(pages_left(&fake), 2);
    expect_eq(entries_left(&fake), 1);
    expect_shown(&fake);
    atomic_store(&fake.header->credit_waits, 0);
    lode_id second = fake_put(&fake, "x", 1);
    fake_ring(&fake);
    expect_eq(state_of(first), LODE_ENTRY_SEALED);
    expect_eq(state_of(second), LODE_ENTRY_SEALED);
    expect_lt(2, pages_left(&fake)); /* it puts again, and is given some ahead of need */
    fake_die(&fake);
}

/*
 * Its client asked by a bell while there was nothing, and sleeps no more: a packet has served it.
 * There is no other bell when there is room.
 */
Test(recall, serves_a_session_that_asked_after_it_when_there_is_room)
{
    fake_warm_all_pages();
    struct fake fake = fake_attach(FENCED), lean = fake_attach(FENCED | LODE_HELLO_LEAN),
                filler = fake_attach(0);
    fake_keeps_credit(&lean);
    expect(recall(store, fake.session));
    fake_give_all_pages(&filler);
    fake_keeps_credit(&fake);
    wants(&fake, 2, 1);
    wants(&lean, 2, 1);
    expect(fake.session->in_line && lean.session->in_line);
    atomic_store(&fake.header->credit_waits, 0);
    atomic_store(&lean.header->credit_waits, 0);
    credit_feed(store);
    expect(!fake.session->in_line && !lean.session->in_line);
    expect_eq(pages_left(&fake), 0);
    fake_die(&filler);
    expect_lt(2, pages_left(&fake));
    expect_lt(2, pages_left(&lean));
    expect_shown(&fake);
    expect_shown(&lean);
    fake_die(&fake);
    fake_die(&lean);
}

/* ---- who keeps what it has ---- */

Test(recall, spares_what_a_session_has_just_spent_or_waited_for)
{
    struct fake spender = fake_attach(FENCED), waiter = fake_attach(FENCED),
                other = fake_attach(FENCED);
    int64_t before = lode_now_ns();
    fake_put(&spender, "x", 1);
    wants(&waiter, 40, 1);
    fake_ring(&spender);
    expect_le(before, spender.session->active_ns);
    expect_le(before, waiter.session->active_ns);
    fake_keeps_credit(&spender); /* that moment, however slow the test is */
    fake_keeps_credit(&waiter);
    uint64_t left = pages_left(&spender);
    expect(recall(store, NULL)); /* of the third one */
    expect_eq(pages_left(&other), 0);
    expect_eq(pages_left(&spender), left);
    expect_le(40, pages_left(&waiter));
    spender.session->active_ns = lode_now_ns() - RECALL_IDLE_NS;
    store->recall_again_ns = 0;
    expect(recall(store, NULL));
    expect_eq(pages_left(&spender), 0);
    fake_die(&spender);
    fake_die(&waiter);
    fake_die(&other);
}

Test(recall, takes_nothing_from_a_client_that_is_not_fenced)
{
    struct fake fake = fake_attach(0);
    uint64_t pages = pages_left(&fake), entries = entries_left(&fake);
    expect(!recall(store, fake.session));
    expect_eq(membarriers, 0);
    expect_eq(pages_left(&fake), pages);
    expect_eq(entries_left(&fake), entries);
    expect_shown(&fake);
    fake_die(&fake);
}

Test(recall, takes_nothing_where_a_record_is_not_applied_yet)
{
    struct fake fake = fake_attach(FENCED);
    uint64_t pages = pages_left(&fake);
    lode_id id = fake_put(&fake, "x", 1);
    expect(!recall(store, fake.session));
    expect_eq(membarriers, 0);
    expect_eq(pages_left(&fake), pages);
    expect_shown(&fake);
    fake_ring(&fake);
    expect_eq(state_of(id), LODE_ENTRY_SEALED);
    fake_die(&fake);
}

/* Also one that is stopped between the two, or says so all the time. */
Test(recall, takes_nothing_from_one_who_spends_until_it_has_done_so)
{
    struct fake fake = fake_attach(FENCED);
    uint64_t pages = pages_left(&fake);
    atomic_store(&fake.header->spending, 1);
    expect(!recall(store, fake.session));
    expect_eq(membarriers, 0); /* its client is not disturbed */
    expect_eq(pages_left(&fake), pages);
    expect_shown(&fake);
    atomic_store(&fake.header->spending, 0);
    expect(recall(store, fake.session));
    expect_eq(pages_left(&fake), 0);
    fake_die(&fake);
}

Test(recall, gets_what_one_had_who_was_killed_while_it_spent)
{
    struct fake fake = fake_attach(FENCED), victim = fake_attach(FENCED);
    struct lode_msg_created created;
    atomic_store(&victim.header->spending, 1);
    uint64_t size = FAKE_CAPACITY - (store->table.spare_pages + WASTED) * LODE_PAGE;
    fake_ask(&fake, fake_next(&fake), size, LODE_FOREVER);
    expect(!fake_has_packet(&fake));
    fake_die(&victim);
    fake_until_answered(&fake);
    expect_eq(fake_receive(&fake, &created, sizeof created, NULL), LODE_MSG_CREATED);
    fake_die(&fake);
}

/* ---- what becomes of it ---- */

/* What idle sessions give back does not go ahead of need to other sessions that are idle. */
Test(recall, is_not_undone_by_grants_to_sessions_that_ask_for_nothing)
{
    struct fake fake = fake_attach(FENCED);
    attach_idle();
    expect(idle[IDLE - 1].session->starved);
    wants(&fake, 600, 1);
    (void)recall(store, NULL);
    pump();
    pump();
    for (int i = 0; i < IDLE; i++) {
        expect_eq(pages_left(&idle[i]), 0);
    }
    fake_die(&fake);
    end_idle();
}

Test(recall, that_brought_nothing_is_not_repeated_at_once_but_for_who_asks)
{
    struct fake fake = fake_attach(FENCED), other = fake_attach(FENCED);
    expect(recall(store, NULL));
    expect_eq(store->recall_again_ns, 0);
    int64_t before = lode_now_ns();
    expect(!recall(store, NULL));
    expect_le(before + RECALL_PAUSE_NS, store->recall_again_ns);
    wants(&other, 5, 1);
    wants(&fake, 5, 1);
    other.session->active_ns = 0;
    store->recall_again_ns = INT64_MAX;
    expect(!recall(store, NULL));
    expect(recall(store, fake.session));
    expect_eq(pages_left(&fake), 0);
    expect_eq(pages_left(&other), 5);
    store->recall_again_ns = 0;
    expect(recall(store, NULL));
    expect_eq(pages_left(&other), 0);
    fake_die(&fake);
    fake_die(&other);
}
