/* What is set aside for sessions that do not use it goes to those that want it. */
#include "store/rings/recall.h"
#include "tests/unit/store/fake_client.h"

TestSuite(recall, .init = store_setup, .fini = store_teardown, .timeout = 120);

static uint64_t
pages_left(const struct fake *fake)
{
    return fake->session->pages_granted - fake->session->pages_used;
}

static uint64_t
entries_left(const struct fake *fake)
{
    return fake->session->entries_granted - fake->session->entries_used;
}

static const struct lode_session_row *
row_of(const struct fake *fake)
{
    return &store->table.rows[fake->row];
}

/* The client goes to sleep for want of so much, and rings. */
static void
wants(struct fake *fake, uint32_t pages, uint32_t entries)
{
    atomic_store(&fake->header->credit_need, pages | entries << 16);
    atomic_store(&fake->header->credit_waits, 1);
    fake_ring(fake);
}

/* All pages that can be had, but those that the store keeps, become credit of that session. */
static void
give_all_pages(struct fake *to)
{
    while (arena_credit_reserve(store->arena, 1)) {
        to->session->pages_granted++;
        store->credit_pages++;
    }
    fake_keeps_credit(to);
}

enum { IDLE = 253 };
static struct fake idle[IDLE];

static void
attach_idle(void)
{
    for (int i = 0; i < IDLE; i++) {
        idle[i] = fake_attach(0);
    }
}

static void
end_idle(void)
{
    for (int i = 0; i < IDLE; i++) {
        fake_die(&idle[i]);
    }
}

Test(recall, gives_a_create_at_once_what_hundreds_of_idle_sessions_have_set_aside)
{
    struct fake fake = fake_attach(0);
    struct lode_msg_created created;
    attach_idle();
    expect_lt(100, store->credit_pages);
    /* All but what the store keeps, and the most that small objects may waste of it. */
    uint64_t size = FAKE_CAPACITY - (store->table.spare_pages + 16) * LODE_PAGE;
    expect_eq(fake_create(&fake, fake_next(&fake), size, 0, &created), LODE_MSG_CREATED);
    expect_eq(store->credit_pages, 0);
    fake_die(&fake);
    end_idle();
}

Test(recall, gives_a_put_what_idle_sessions_have_set_aside)
{
    struct fake fake = fake_attach(0), filler = fake_attach(0);
    attach_idle();
    give_all_pages(&filler);
    recall(store, fake.session);
    give_all_pages(&filler);
    idle[7].session->pages_granted += 20;
    filler.session->pages_granted -= 20;
    wants(&fake, 20, 1);
    expect_le(20, pages_left(&fake));
    expect(!fake.session->in_line);
    fake_die(&fake);
    end_idle();
    fake_die(&filler);
}

Test(recall, gives_a_put_near_the_limit_of_objects_the_entries_of_idle_sessions)
{
    struct fake fake = fake_attach(0), other = fake_attach(0);
    fake_give_all_entries(&other);
    other.session->active_ns = 0; /* it has used none for long */
    recall(store, fake.session);
    fake_give_all_entries(&other);
    other.session->active_ns = 0;
    expect_eq(entries_left(&fake), 0);
    wants(&fake, 0, 1);
    expect_le(1, entries_left(&fake));
    store->table.entry_max = LODE_ENTRY_MAX;
    fake_die(&fake);
    fake_die(&other);
}

Test(recall, gives_a_packet_near_the_limit_of_objects_the_entries_of_idle_sessions)
{
    struct fake fake = fake_attach(0), other = fake_attach(0);
    struct lode_msg_created created;
    recall(store, NULL);
    fake_give_all_entries(&other);
    expect_eq(fake_create(&fake, fake_next(&fake), 1, 0, &created), LODE_MSG_ERROR);
    other.session->active_ns = 0;
    expect_eq(fake_create(&fake, fake_next(&fake), 1, 0, &created), LODE_MSG_CREATED);
    store->table.entry_max = LODE_ENTRY_MAX;
    fake_die(&fake);
    fake_die(&other);
}

Test(recall, spares_what_a_session_has_just_spent_or_waited_for)
{
    struct fake spender = fake_attach(0), waiter = fake_attach(0), other = fake_attach(0);
    fake_put(&spender, "x", 1);
    wants(&waiter, 40, 1);
    fake_ring(&spender);
    uint64_t left = pages_left(&spender);
    expect(recall(store, NULL)); /* of the third one */
    expect_eq(pages_left(&other), 0);
    expect_eq(pages_left(&spender), left);
    expect_le(40, pages_left(&waiter));
    spender.session->active_ns -= RECALL_IDLE_NS;
    expect(recall(store, NULL));
    expect_eq(pages_left(&spender), 0);
    fake_die(&spender);
    fake_die(&waiter);
    fake_die(&other);
}

/* The record is there before the store reads the tail: session.h [4]. */
Test(recall, leaves_a_session_its_credit_if_a_record_came_first)
{
    struct fake fake = fake_attach(0);
    uint64_t granted = atomic_load(&row_of(&fake)->credit_entries);
    lode_id id = fake_put(&fake, "x", 1);
    expect(!recall(store, fake.session));
    expect_eq(state_of(id), LODE_ENTRY_SEALED);
    expect_le(granted, atomic_load(&row_of(&fake)->credit_entries));
    expect_lt(0, pages_left(&fake));
    fake_die(&fake);
}

/* A drop spends nothing, and does not keep the credit. */
Test(recall, is_not_stopped_by_a_record_that_spends_nothing)
{
    struct fake fake = fake_attach(0);
    fake_drop(&fake, lode_id_make(LODE_ID_PUT, fake.number, 99));
    fake.session->starved = true;
    expect(recall(store, fake.session));
    expect_eq(pages_left(&fake), 0);
    expect_eq(atomic_load(&row_of(&fake)->credit_pages), fake.session->pages_used);
    expect_eq(atomic_load(&row_of(&fake)->credit_entries), fake.session->entries_used);
    fake_die(&fake);
}

Test(recall, of_credit_that_a_client_spends_meanwhile_makes_the_object_where_there_is_room)
{
    struct fake fake = fake_attach(0);
    expect(recall(store, fake.session));
    lode_id id = fake_put(&fake, "x", 1);
    fake_ring(&fake);
    expect_eq(state_of(id), LODE_ENTRY_SEALED);
    expect_eq(atomic_load(&row_of(&fake)->turned_back), 0);
    fake_die(&fake);
}

static const char page[LODE_PAGE];

Test(recall, turns_one_record_back_that_finds_no_room_and_cuts_at_the_next)
{
    struct fake fake = fake_attach(0), filler = fake_attach(0);
    expect(recall(store, fake.session));
    give_all_pages(&filler);
    uint64_t pages = atomic_load(&row_of(&fake)->credit_pages);
    lode_id id = fake_put(&fake, page, sizeof page);
    fake_ring(&fake);
    expect_eq(state_of(id), LODE_ENTRY_FREE);
    expect_eq(atomic_load(&row_of(&fake)->turned_back), 1);
    expect_eq(atomic_load(&row_of(&fake)->ring_head), fake.tail);
    expect_eq(atomic_load(&row_of(&fake)->credit_pages), pages + 1); /* it counts as spent */
    expect_eq(store_session(store, fake.number), fake.session);
    fake_put(&fake, page, sizeof page);
    expect(fake_bell(&fake));
    expect(fake_is_cut(&fake));
    fake_die(&fake);
    fake_die(&filler);
}

Test(recall, turns_a_commit_back_whole_and_leaves_its_draft)
{
    struct fake submitter = fake_attach(0), maker = fake_attach(LODE_HELLO_MAKER);
    struct fake filler = fake_attach(0);
    struct lode_msg_created draft;
    struct lode_commit head = {.count = 2};
    struct lode_made made[2] = {{.id = lode_id_make(LODE_ID_RESULT, submitter.number, 1)},
                                {.id = lode_id_make(LODE_ID_RESULT, submitter.number, 2),
                                 .size = sizeof page,
                                 .carried = sizeof page}};
    expect_eq(fake_create(&maker, (lode_id){{0}}, 10, 0, &draft), LODE_MSG_CREATED);
    expect(recall(store, maker.session));
    give_all_pages(&filler);
    made[0].size = 10;
    made[0].draft = draft.entry + 1;
    made[0].generation = draft.generation;
    uint8_t *at = fake_record(&maker, LODE_RECORD_COMMIT, sizeof head + sizeof made + sizeof page);
    memcpy(at, &head, sizeof head);
    memcpy(at + sizeof head, made, sizeof made);
    fake_publish(&maker);
    fake_ring(&maker);
    expect_eq(atomic_load(&row_of(&maker)->turned_back), 1);
    for (int i = 0; i < 2; i++) {
        expect_ne(state_of(made[i].id), LODE_ENTRY_SEALED);
    }
    expect_eq(entry_state(&store->table, draft.entry), LODE_ENTRY_CREATED);
    expect_eq(fake_draft_call(&maker, LODE_MSG_ABORT, &draft), LODE_MSG_OK);
    fake_die(&maker);
    fake_die(&submitter);
    fake_die(&filler);
}

/* What idle sessions give back does not go ahead of need to other sessions that are idle. */
Test(recall, is_not_undone_by_grants_to_sessions_that_ask_for_nothing)
{
    struct fake fake = fake_attach(0);
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
