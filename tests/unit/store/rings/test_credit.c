/* Who gets credit, how much, and in which order. */
#include "store/rings/account.h"
#include "store/rings/credit.h"
#include "tests/unit/store/fake_client.h"

TestSuite(credit, .init = store_setup, .fini = store_teardown, .timeout = 120);

/* The client goes to sleep for want of so much, and rings. */
static void
wants(struct fake *fake, uint32_t pages, uint32_t entries)
{
    atomic_store(&fake->header->credit_need, pages | entries << 16);
    atomic_store(&fake->header->credit_waits, 1);
    fake_ring(fake);
}

static void
has_enough(struct fake *fake)
{
    atomic_store(&fake->header->credit_waits, 0);
}

static const struct lode_session_row *
row_of(const struct fake *fake)
{
    return &store->table.rows[fake->row];
}

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

Test(credit, of_hundreds_of_idle_sessions_is_an_eighth_of_the_store)
{
    enum { COUNT = 253 };
    static struct fake fakes[COUNT];
    struct arena_stats stats;
    for (int i = 0; i < COUNT; i++) {
        fakes[i] = fake_attach(0);
    }
    arena_stats(store->arena, &stats);
    expect_le(stats.credit_bytes, FAKE_CAPACITY / 8 + 16 * LODE_PAGE); /* 16: the store's own */
    /* Who got nothing ahead gets what it needs. */
    struct fake *last = &fakes[COUNT - 1];
    expect_eq(pages_left(last), 0);
    wants(last, 9, 1);
    expect_eq(pages_left(last), 9);
    expect_le(1, entries_left(last));
    for (int i = 0; i < COUNT; i++) {
        fake_die(&fakes[i]);
    }
}

/* They have asked for none. */
Test(credit, of_one_that_puts_much_is_no_less_for_hundreds_that_only_read)
{
    enum { COUNT = 250, PUTS = 12, MUCH = 100 };
    static struct fake readers[COUNT];
    static const uint8_t page[LODE_PAGE];
    for (int i = 0; i < COUNT; i++) {
        readers[i] = fake_attach(LODE_HELLO_LEAN);
    }
    struct fake putter = fake_attach(0);
    for (int i = 0; i < PUTS; i++) {
        fake_put(&putter, page, sizeof page);
    }
    fake_ring(&putter);
    expect_le(MUCH, pages_left(&putter));
    for (int i = 0; i < COUNT; i++) {
        fake_die(&readers[i]);
    }
    fake_die(&putter);
}

/* A client that lies gets no more than the largest record needs, and holds nobody up. */
Test(credit, that_a_client_says_it_needs_is_no_more_than_a_record_can)
{
    fake_warm_all_pages();
    struct fake liar = fake_attach(0), other = fake_attach(0);
    wants(&liar, 0xffff, 0xffff);
    expect(!liar.session->in_line);
    expect_eq(pages_left(&liar), 640);
    expect_eq(entries_left(&liar), 1024);
    wants(&other, 600, 1);
    expect_le(600, pages_left(&other));
    fake_die(&liar);
    fake_die(&other);
}

Test(credit, that_cannot_be_had_wakes_nobody)
{
    struct fake filler = fake_attach(0), waiter = fake_attach(0);
    fake_fill_up(&filler);
    wants(&waiter, 600, 1);
    uint32_t wakes = atomic_load(&row_of(&waiter)->credit_wake);
    for (int i = 0; i < 10; i++) {
        fake_ring(&waiter);
    }
    expect_eq(atomic_load(&row_of(&waiter)->credit_wake), wakes);
    expect(waiter.session->in_line);
    fake_die(&filler);
    expect_le(600, pages_left(&waiter));
    expect_lt(wakes, atomic_load(&row_of(&waiter)->credit_wake));
    expect(!waiter.session->in_line);
    fake_die(&waiter);
}

/* How long such a session holds the line: a test that waits for the CPU does not end that. */
#define LONG_HOLD_NS INT64_C(3600000000000)

static void
holds_the_line_for_long(struct fake *fake)
{
    fake->session->hold_ns = LONG_HOLD_NS;
}

Test(credit, is_given_in_the_order_in_which_clients_came_to_wait)
{
    struct fake filler = fake_attach(0), first = fake_attach(0), second = fake_attach(0),
                third = fake_attach(0);
    struct lode_msg_created created;
    int made = fake_create(&filler, fake_next(&filler), 400 * LODE_PAGE, 0, &created);
    expect_eq(made, LODE_MSG_CREATED);
    fake_fill_up(&filler);
    holds_the_line_for_long(&first);
    holds_the_line_for_long(&second);
    wants(&first, 300, 1);
    wants(&second, 300, 1);
    wants(&third, 30, 1); /* would fit behind the first, but the second was earlier */
    expect_eq(fake_draft_call(&filler, LODE_MSG_ABORT, &created), LODE_MSG_OK);
    pump();
    expect_eq(pages_left(&first), 300);
    expect_lt(pages_left(&second), 300);
    expect_lt(pages_left(&third), 30);
    fake_die(&first); /* what it had goes on */
    expect_eq(pages_left(&second), 300);
    expect_eq(pages_left(&third), 30);
    fake_die(&second);
    fake_die(&third);
    fake_die(&filler);
}

/* As if so much time had passed since the session began to hold the line. */
static void
line_gets_older(int64_t ns)
{
    store->line.held_since_ns -= ns;
    store->line.free_until_ns -= ns;
}

Test(credit, that_can_never_be_had_holds_the_others_up_for_a_moment_only)
{
    struct fake filler = fake_attach(0), greedy = fake_attach(0), others[2];
    struct lode_msg_created created;
    int made = fake_create(&filler, fake_next(&filler), 200 * LODE_PAGE, 0, &created);
    expect_eq(made, LODE_MSG_CREATED);
    fake_fill_up(&filler);
    for (int i = 0; i < 2; i++) {
        others[i] = fake_attach(0);
    }
    holds_the_line_for_long(&greedy);
    wants(&greedy, 600, 1);
    expect_eq(fake_draft_call(&filler, LODE_MSG_ABORT, &created), LODE_MSG_OK);
    wants(&others[0], 30, 1);
    expect_lt(pages_left(&others[0]), 30); /* at first it stands behind the greedy one */
    line_gets_older(LONG_HOLD_NS);
    pump();
    fake_ring(&others[1]);
    wants(&others[1], 30, 1);
    expect_le(30, pages_left(&others[1]));
    credit_feed(store);
    expect_le(30, pages_left(&others[0]));
    /* It may not hold them up again at once: not by asking anew, and not when the line was free. */
    line_gets_older(LONG_HOLD_NS);
    has_enough(&greedy);
    credit_feed(store);
    wants(&greedy, 600, 1);
    expect(greedy.session->in_line);
    wants(&others[0], 60, 1);
    expect_le(60, pages_left(&others[0]));
    fake_die(&greedy);
    for (int i = 0; i < 2; i++) {
        fake_die(&others[i]);
    }
    fake_die(&filler);
}

/*
 * A page of the putter is freed each millisecond, and the putter wants it at once, so that none
 * stays free. Whether the other session is served after so many milliseconds.
 */
static bool
is_served_within(struct fake *waiter, struct fake *putter, int ms)
{
    for (; ms > 0 && waiter->session->in_line; ms--) {
        account_spend(store, putter->session, 1, 0);
        account_waste(store, 1, 0);
        store->freed_room = true;
        line_gets_older(1000000);
        waiter->session->hold_again_ns -= 1000000;
        do {
            wants(putter, (uint32_t)pages_left(putter) + 1, 1);
        } while (!putter->session->in_line);
    }
    return !waiter->session->in_line;
}

Test(credit, that_takes_longer_than_a_hold_to_gather_is_had_by_one_of_the_next)
{
    struct fake filler = fake_attach(0), putter = fake_attach(0), waiter = fake_attach(0);
    wants(&putter, 300, 1);
    fake_fill_up(&filler);
    wants(&waiter, 150, 1);
    expect(waiter.session->in_line);
    expect(is_served_within(&waiter, &putter, 20000));
    fake_die(&putter);
    fake_die(&waiter);
    fake_die(&filler);
}

Test(credit, for_which_nothing_gathers_is_not_held_the_line_for_longer)
{
    struct fake filler = fake_attach(0), waiter = fake_attach(0);
    fake_fill_up(&filler);
    wants(&waiter, 150, 1);
    for (int holds = 0; holds < 5; holds++) {
        expect(store->line.holder == waiter.session);
        expect_eq(line_due_ns(&store->line), store->line.held_since_ns + LINE_HOLD_NS);
        line_gets_older(LINE_HOLD_NS);
        credit_feed(store);
        line_gets_older(LINE_HOLD_NS);
        waiter.session->hold_again_ns = 0;
        credit_feed(store);
    }
    fake_die(&waiter);
    fake_die(&filler);
}

/* The client has used all but a page and an entry. */
static void
use_up(struct fake *fake)
{
    uint64_t pages = pages_left(fake) - 1, entries = entries_left(fake) - 1;
    account_spend(store, fake->session, pages, entries);
    account_waste(store, pages, entries);
}

Test(credit, for_which_only_entries_lack_is_not_waited_for_by_a_hold_that_never_ends)
{
    struct fake holder = fake_attach(0), other = fake_attach(0);
    use_up(&holder);
    fake_give_all_entries(&other);
    fake_put(&holder, "x", 1);
    wants(&holder, 3, 1);
    expect(holder.session->in_line);
    expect_le(3, pages_left(&holder)); /* it has its pages, ahead of need */
    line_gets_older(LINE_HOLD_NS);
    credit_feed(store);
    expect(store->line.holder == NULL);
    expect_eq(line_due_ns(&store->line), INT64_MAX);
    fake_die(&other);
    expect(!holder.session->in_line);
    fake_die(&holder);
}

Test(credit, that_the_holder_of_the_line_got_at_its_bell_lets_the_next_one_in)
{
    struct fake filler = fake_attach(0), first = fake_attach(0), second = fake_attach(0);
    struct lode_msg_created created;
    int made = fake_create(&filler, fake_next(&filler), 400 * LODE_PAGE, 0, &created);
    expect_eq(made, LODE_MSG_CREATED);
    fake_fill_up(&filler);
    holds_the_line_for_long(&first);
    wants(&first, 600, 1);
    wants(&second, 100, 1);
    expect(store->line.holder == first.session);
    expect_eq(fake_draft_call(&filler, LODE_MSG_ABORT, &created), LODE_MSG_OK);
    expect_lt(pages_left(&second), 100);
    wants(&first, 100, 1); /* it gave up the large one */
    expect(store->line.holder == NULL);
    expect_le(100, pages_left(&second));
    fake_die(&first);
    fake_die(&second);
    fake_die(&filler);
}

Test(credit, without_pages_does_not_stand_behind_one_who_wants_some)
{
    struct fake filler = fake_attach(0), first = fake_attach(0), second = fake_attach(0);
    fake_fill_up(&filler);
    wants(&first, 600, 1);
    wants(&second, 0, 1000);
    expect_le(1000, entries_left(&second));
    fake_die(&first);
    fake_die(&second);
    fake_die(&filler);
}

Test(credit, of_one_who_gave_up_goes_to_the_next)
{
    struct fake filler = fake_attach(0), first = fake_attach(0), second = fake_attach(0);
    fake_fill_up(&filler);
    wants(&first, 600, 1);
    wants(&second, 600, 1);
    has_enough(&first);
    fake_die(&filler);
    expect_le(600, pages_left(&second));
    expect(store->line.first == NULL);
    fake_die(&second);
    fake_die(&first);
}

Test(credit, near_the_limit_of_objects_is_what_is_left)
{
    struct fake fake = fake_attach(0), other = fake_attach(0);
    store->table.entry_max = store->table.entry_count;
    while (store->table.free_count > store->table.spare_entries + entries_left(&other)) {
        uint64_t left = entries_left(&fake);
        expect_lt(0, left);
        for (uint64_t i = 0; i < left; i++) {
            fake_put(&fake, "x", 1);
        }
        fake_ring(&fake);
    }
    wants(&fake, 0, 1);
    expect(fake.session->in_line);
    fake_drop(&fake, lode_id_make(LODE_ID_PUT, fake.number, 1));
    fake_ring(&fake);
    expect_le(1, entries_left(&fake));
    fake_die(&fake);
    fake_die(&other);
}

static uint64_t
pages_set_aside(void)
{
    struct arena_stats stats;
    arena_stats(store->arena, &stats);
    return stats.credit_bytes / LODE_PAGE;
}

Test(credit, for_which_entries_lack_sets_no_page_aside_that_no_session_has)
{
    struct fake waiter = fake_attach(0), other = fake_attach(0);
    fake_give_all_entries(&other);
    uint64_t nobodys = pages_set_aside() - pages_left(&waiter);
    for (int i = 0; i < 10; i++) {
        wants(&waiter, (uint32_t)pages_left(&waiter) + 20, (uint32_t)entries_left(&waiter) + 1);
        expect(waiter.session->in_line);
        expect_eq(pages_set_aside() - pages_left(&waiter), nobodys);
    }
    fake_die(&waiter);
    fake_die(&other);
}

/* A PUT by packet that does not wait; the answer's type. */
static int
put_by_packet(struct fake *fake, uint32_t size)
{
    struct {
        struct lode_msg_create create;
        char bytes[5000];
    } put = {
        .create = {.head = {.type = LODE_MSG_PUT, .tag = 7}, .id = fake_next(fake), .size = size}};
    uint8_t answer[2048];
    fake_send(fake, &put, sizeof put.create + size);
    pump();
    return fake_receive(fake, answer, sizeof answer, NULL);
}

Test(credit, that_gathers_for_one_is_not_taken_by_packets_of_others)
{
    struct fake filler = fake_attach(0), greedy = fake_attach(0), other = fake_attach(0);
    struct lode_msg_created created;
    expect_eq(put_by_packet(&filler, 1000), LODE_MSG_CREATED); /* a run with many slots */
    int made = fake_create(&filler, fake_next(&filler), 400 * LODE_PAGE, 0, &created);
    expect_eq(made, LODE_MSG_CREATED);
    fake_fill_up(&filler);
    holds_the_line_for_long(&greedy);
    wants(&greedy, 600, 1);
    expect_eq(fake_draft_call(&filler, LODE_MSG_ABORT, &created), LODE_MSG_OK);
    expect(store->line.holder == greedy.session);
    expect_eq(put_by_packet(&other, 5000), LODE_MSG_ERROR);
    expect_eq(put_by_packet(&other, 1000), LODE_MSG_CREATED); /* it shares a page */
    line_gets_older(LONG_HOLD_NS);
    credit_feed(store);
    expect_eq(put_by_packet(&other, 5000), LODE_MSG_CREATED);
    fake_die(&greedy);
    fake_die(&other);
    fake_die(&filler);
}
