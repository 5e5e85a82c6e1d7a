/*
 * A client that spends, or dies, while the store is inside membarrier(2): api/layout/session.h [4].
 *
 * ctest: wrap syscall
 */
#include "tests/support/steps.h"
#include "tests/unit/store/rings/recall_world.h"

TestSuite(recall_meets, .init = store_setup, .fini = store_teardown, .timeout = 120);

static struct fake meeting;
static lode_id met;

/* The limits that its thread sees are low. */
static void
sees_low_limits(void)
{
    expect_eq(atomic_load(&row_of(&meeting)->credit_pages), meeting.session->pages_used);
    expect_eq(atomic_load(&row_of(&meeting)->credit_entries), meeting.session->entries_used);
}

static void
begins_to_spend(void)
{
    sees_low_limits();
    atomic_store(&meeting.header->spending, 1);
}

static void
has_spent(void)
{
    sees_low_limits();
    met = fake_put(&meeting, "x", 1); /* with credit that it had seen before */
}

static void
is_killed(void)
{
    sees_low_limits();
    shutdown(meeting.fd, SHUT_RDWR);
}

static void
expect_kept(void)
{
    uint64_t pages = pages_left(&meeting), entries = entries_left(&meeting);
    uint32_t wakes = atomic_load(&row_of(&meeting)->credit_wake);
    expect(!recall(store, NULL));
    expect_eq(membarriers, 1);
    expect_eq(pages_left(&meeting), pages);
    expect_eq(entries_left(&meeting), entries);
    expect_shown(&meeting);
    /* A thread that has seen the low limits must not sleep for them. */
    expect_lt(wakes, atomic_load(&row_of(&meeting)->credit_wake));
}

Test(recall_meets, leaves_a_client_its_credit_that_spends_when_all_are_fenced)
{
    meeting = fake_attach(FENCED);
    meanwhile = begins_to_spend;
    expect_kept();
    fake_die(&meeting);
}

Test(recall_meets, leaves_a_client_its_credit_that_has_spent_some_when_all_are_fenced)
{
    meeting = fake_attach(FENCED);
    meanwhile = has_spent;
    expect_kept();
    fake_ring(&meeting);
    expect_eq(state_of(met), LODE_ENTRY_SEALED);
    expect(!fake_is_cut(&meeting));
    fake_die(&meeting);
}

/* Between any two instructions of the store behind the membarrier come the record and the 0. */
static uint64_t fenced_at, spends_at;

static void
is_spending(void)
{
    atomic_store(&meeting.header->spending, 1);
    fenced_at = steps_count;
}

static void
spends(uint64_t step)
{
    if (fenced_at != 0 && step >= fenced_at + spends_at) {
        fake_publish(&meeting);
        atomic_store(&meeting.header->spending, 0);
    }
}

Test(recall_meets, leaves_a_client_its_credit_that_spends_while_the_store_looks)
{
    uint64_t behind = 1;
    meeting = fake_attach(FENCED);
    meanwhile = is_spending;
    for (spends_at = 1; spends_at <= behind && STEPS_WORK; spends_at++) {
        met = fake_next(&meeting);
        struct lode_made made = {.id = met, .size = 0};
        memcpy(fake_record(&meeting, LODE_RECORD_PUT, sizeof made), &made, sizeof made);
        fenced_at = 0;
        becomes_idle(&meeting);
        meeting.session->active_ns = 0;
        steps_on(spends);
        bool came = recall(store, NULL);
        steps_off();
        behind = steps_count - fenced_at;
        expect(!came);
        spends(UINT64_MAX); /* if the store was done before */
        fake_ring(&meeting);
        expect_eq(state_of(met), LODE_ENTRY_SEALED);
    }
    expect(!STEPS_WORK || behind > 20);
    fake_die(&meeting);
}

Test(recall_meets, survives_the_end_of_a_client_meanwhile)
{
    meeting = fake_attach(FENCED);
    meanwhile = is_killed;
    expect(recall(store, NULL));
    pump();
    expect_eq(store->credit_pages, 0);
    expect_eq(store->session_count, 0);
    fake_die(&meeting);
}

Test(recall_meets, gives_up_where_the_system_refuses_membarrier)
{
    struct fake fake = fake_attach(FENCED);
    struct lode_msg_error error;
    uint64_t pages = pages_left(&fake);
    refused_with = EPERM;
    for (int i = 0; i < 3; i++) {
        expect(!recall(store, fake.session));
        expect_eq(pages_left(&fake), pages);
        expect_shown(&fake);
        expect_eq(membarriers, 1); /* it does not ask again */
    }
    expect(!recall_reaches(store, fake.session));
    /* Its own credit would be in the way for ever. */
    uint64_t size = FAKE_CAPACITY - (store->table.spare_pages + WASTED) * LODE_PAGE;
    fake_ask(&fake, fake_next(&fake), size, LODE_FOREVER);
    expect_eq(fake_receive(&fake, &error, sizeof error, NULL), LODE_MSG_ERROR);
    expect_eq(error.err, LODE_ETOOBIG);
    fake_die(&fake);
}

Test(recall_meets, tries_again_where_the_system_has_no_memory_for_a_membarrier)
{
    struct fake fake = fake_attach(FENCED);
    uint64_t pages = pages_left(&fake);
    refused_with = ENOMEM;
    expect(!recall(store, fake.session));
    expect_eq(pages_left(&fake), pages);
    expect_shown(&fake);
    refused_with = 0;
    expect(recall(store, fake.session));
    expect_eq(pages_left(&fake), 0);
    fake_die(&fake);
}

/* A client that spends what was recalled did not keep the rule, and harms itself. */
Test(recall_meets, ends_a_session_that_spends_what_was_recalled)
{
    struct fake fake = fake_attach(FENCED);
    expect(recall(store, fake.session));
    lode_id id = fake_put(&fake, "x", 1);
    expect(fake_bell(&fake));
    expect(fake_is_cut(&fake));
    expect_eq(state_of(id), LODE_ENTRY_FREE);
    fake_die(&fake);
}
