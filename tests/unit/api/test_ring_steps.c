/*
 * A put by ring, with the store's recall of its credit (api/layout/session.h [4]) between any two
 * of its instructions: the test plays the store.
 */
#include "tests/support/steps.h"
#include "tests/unit/api/ring_fixture.h"

enum { PAGES = 7, ENTRIES = 9 }; /* granted, beyond what is spent */

TestSuite(ring_steps, .init = ring_setup, .fini = ring_teardown, .timeout = 120);

static uint64_t head, pages_used, entries_used;
static uint64_t recall_at; /* after so many instructions */
static bool took_it;       /* what came of it */
static bool keeps_it;      /* the store puts the limits back though it could take it */

static void
show(uint64_t pages, uint64_t entries)
{
    atomic_store(&row->credit_pages, pages);
    atomic_store(&row->credit_entries, entries);
}

/* A whole recall. The signal has fenced the thread, as membarrier does. */
static void
recall(uint64_t step)
{
    if (step != recall_at) {
        return;
    }
    steps_enough();
    show(pages_used, entries_used);
    bool is_quiet = atomic_load(&file->spending) == 0 && atomic_load(&file->ring_tail) == head;
    took_it = is_quiet && !keeps_it;
    if (!took_it) {
        show(pages_used + PAGES, entries_used + ENTRIES);
        atomic_fetch_add(&row->credit_wake, 1);
    }
}

/* The store has applied all, and grants anew. */
static void
apply(void)
{
    head = atomic_load(&file->ring_tail);
    pages_used = ring.spent_pages;
    entries_used = ring.spent_entries;
    atomic_store(&row->ring_head, head);
    show(pages_used + PAGES, entries_used + ENTRIES);
    took_it = false;
}

static lode_err
put(bool is_cancelled)
{
    struct lode_made made = {.id = lode_id_make(LODE_ID_PUT, 1, 1),
                             .size = 100,
                             .carried = lode_made_layout(100, 0, 0).carried};
    const struct lode_ring_need need = {
        .size = (uint32_t)(sizeof(struct lode_record) + sizeof made + made.carried),
        .pages = 1,
        .entries = 1};
    const struct lode_patience patience = {.deadline = 0, .answer_by = LODE_NEVER};
    static const char bytes[100];
    void *body;
    LODE_TRY(lode_ring_reserve(&ring, LODE_RECORD_PUT, &need, &patience, &body));
    if (is_cancelled) {
        lode_ring_cancel(&ring);
        return LODE_OK;
    }
    lode_made_write(body, &made, NULL, NULL, bytes);
    lode_ring_publish(&ring, &need, &made.id, 1, sizeof made, false);
    return LODE_OK;
}

/* False: it was done before so many instructions. */
static bool
stepped(bool is_cancelled, uint64_t at, lode_err *err_out)
{
    recall_at = at;
    steps_on(recall);
    *err_out = put(is_cancelled);
    steps_off();
    return steps_count >= at;
}

static bool
has_published(void)
{
    return atomic_load(&file->ring_tail) != head;
}

Test(ring_steps, a_put_spends_no_credit_that_was_recalled_and_the_store_sees_it_before)
{
    uint64_t taken = 0, kept = 0;
    bool was_there = STEPS_WORK;
    lode_err err;
    for (uint64_t at = 1; was_there; at++) {
        apply();
        was_there = stepped(false, at, &err);
        cr_assert(!(took_it && has_published()),
                  "a recall after instruction %llu took what it spent", (unsigned long long)at);
        cr_assert_eq(err, took_it ? LODE_EAGAIN : LODE_OK);
        cr_assert_eq(has_published(), !took_it);
        cr_assert_eq(atomic_load(&file->spending), 0);
        taken += took_it;
        kept += !took_it;
    }
    cr_assert(!STEPS_WORK || (taken > 10 && kept > 10));
}

/* Between the instructions that matter to these there are more than so many. */
enum { STRIDE = 3 };

/* The limits are low only between two of its instructions: it must not take that for a refusal. */
Test(ring_steps, a_put_does_not_notice_a_recall_that_was_given_up)
{
    bool was_there = STEPS_WORK;
    lode_err err;
    keeps_it = true;
    for (uint64_t at = 1; was_there; at += STRIDE) {
        apply();
        was_there = stepped(false, at, &err);
        cr_assert_eq(err, LODE_OK);
        cr_assert(has_published());
    }
}

Test(ring_steps, a_record_that_is_not_written_after_all_keeps_no_credit)
{
    bool was_there = STEPS_WORK;
    lode_err err;
    for (uint64_t at = 1; was_there; at += STRIDE) {
        apply();
        was_there = stepped(true, at, &err);
        cr_assert(took_it || err == LODE_OK);
        cr_assert(!has_published());
        cr_assert_eq(atomic_load(&file->spending), 0);
    }
}

/* Where no credit came it lets the store recall what there is. */
Test(ring_steps, a_put_that_finds_no_credit_leaves_the_rest_to_the_store)
{
    apply();
    show(pages_used, entries_used + ENTRIES);
    cr_assert_eq(put(false), LODE_EAGAIN);
    cr_assert_eq(atomic_load(&file->spending), 0);
}

/* Low limits, which a recall shows for a moment, keep nobody who spends nothing. */
Test(ring_steps, a_drop_does_not_wait_while_the_limits_lie_below_what_is_spent)
{
    apply();
    cr_assert_eq(put(false), LODE_OK);
    show(pages_used, entries_used);
    cr_assert_eq(lode_ring_pages(&ring), 0);
    uint64_t tail = atomic_load(&file->ring_tail);
    lode_ring_drop_now(&ring, lode_id_make(LODE_ID_PUT, 1, 1));
    cr_assert_lt(tail, atomic_load(&file->ring_tail));
}
