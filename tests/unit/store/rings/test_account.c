/* What a session has of credit: booked, shown to its client, hidden from it and taken back. */
#include "store/rings/account.h"
#include "tests/unit/store/fake_client.h"

TestSuite(account, .init = store_setup, .fini = store_teardown, .timeout = 120);

static const struct lode_session_row *
row_of(const struct fake *fake)
{
    return &store->table.rows[fake->row];
}

static void
expect_shown(const struct fake *fake, uint64_t pages, uint64_t entries)
{
    expect_eq(atomic_load(&row_of(fake)->credit_pages), pages);
    expect_eq(atomic_load(&row_of(fake)->credit_entries), entries);
}

/* Of which nothing comes. */
static void
spend(struct fake *fake, uint64_t pages, uint64_t entries)
{
    account_spend(store, fake->session, pages, entries);
    account_waste(store, pages, entries);
}

static uint64_t
pages_set_aside(void)
{
    struct arena_stats stats;
    arena_stats(store->arena, &stats);
    return stats.credit_bytes / LODE_PAGE;
}

Test(account, has_what_was_granted_less_what_was_spent)
{
    struct fake fake = fake_attach(0);
    struct credit all = account_left(fake.session);
    uint64_t of_all = store->credit_pages, aside = pages_set_aside();
    expect_lt(6, all.pages);
    spend(&fake, 6, 1);
    expect(account_has(fake.session, all.pages - 6, all.entries - 1));
    expect(!account_has(fake.session, all.pages - 5, 0));
    expect(!account_has(fake.session, 0, all.entries));
    expect_eq(store->credit_pages, of_all - 6);
    expect_eq(pages_set_aside(), aside - 6);
    expect_eq(account_granted(fake.session).pages, all.pages);
    spend(&fake, all.pages - 6, 0);
    expect(!account_is_empty(fake.session));
    spend(&fake, 0, all.entries - 1);
    expect(account_is_empty(fake.session));
    fake_die(&fake);
}

Test(account, is_shown_after_a_grant_and_wakes_only_if_there_is_news)
{
    struct fake fake = fake_attach(0);
    struct credit before = account_granted(fake.session);
    uint32_t wakes = atomic_load(&row_of(&fake)->credit_wake);
    account_publish_news(store, fake.session, before);
    expect_eq(atomic_load(&row_of(&fake)->credit_wake), wakes);
    expect(arena_credit_reserve(store->arena, 3));
    account_grant(store, fake.session, 3, 0);
    expect_shown(&fake, before.pages, before.entries);
    account_publish_news(store, fake.session, before);
    expect_shown(&fake, before.pages + 3, before.entries);
    expect_eq(atomic_load(&row_of(&fake)->credit_wake), wakes + 1);
    fake_die(&fake);
}

Test(account, that_was_hidden_shows_what_was_spent_until_it_is_shown_again)
{
    struct fake fake = fake_attach(0);
    struct credit all = account_granted(fake.session);
    uint32_t wakes = atomic_load(&row_of(&fake)->credit_wake);
    spend(&fake, 2, 1);
    account_hide(store, fake.session);
    expect_shown(&fake, 2, 1);
    expect_eq(atomic_load(&row_of(&fake)->credit_wake), wakes);
    account_show(store, fake.session);
    expect_shown(&fake, all.pages, all.entries);
    expect_eq(atomic_load(&row_of(&fake)->credit_wake), wakes + 1);
    fake_die(&fake);
}

Test(account, that_was_taken_back_is_empty_and_its_reserve_is_free_for_others)
{
    struct fake fake = fake_attach(0);
    struct credit left = account_left(fake.session);
    uint64_t pages = pages_set_aside(), of_all = store->credit_pages;
    uint64_t entries = store->credit_entries;
    account_hide(store, fake.session);
    account_take_back(store, fake.session);
    expect(account_is_empty(fake.session));
    expect_eq(pages_set_aside(), pages - left.pages);
    expect_eq(store->credit_pages, of_all - left.pages);
    expect_eq(store->credit_entries, entries - left.entries);
    fake_die(&fake);
}
