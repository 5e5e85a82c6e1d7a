/*
 * Clients that fence nothing when they release: the store fences for them. api/layout/session.h [2]
 * ctest: wrap syscall
 */
#include "tests/unit/store/rings/recall_world.h"

#include "store/freeing/reclaim.h"

TestSuite(plain_release, .init = store_setup, .fini = store_teardown, .timeout = 120);

static struct fake reader;

static bool
is_plain(const struct fake *fake)
{
    return (row_of(fake)->flags & LODE_ROW_PLAIN_RELEASE) != 0;
}

/* Of a client that read the word before it was WANTED, and tells nobody. */
static void
pin_is_seen_cleared(void)
{
    fake_pin(&reader, 0, 0);
}

/* An object that is pinned, and dropped; its pin is seen cleared when its client was fenced. */
static void
drop_what_is_pinned(struct fake *maker)
{
    lode_id id = fake_put(maker, "x", 1);
    fake_ring(maker);
    fake_pin(&reader, 0, entry_of(id) + 1);
    meanwhile = pin_is_seen_cleared;
    fake_drop(maker, id);
    fake_ring(maker);
    meanwhile = NULL;
}

Test(plain_release, is_for_those_alone_whom_the_stores_fence_reaches)
{
    struct fake before = fake_attach(FENCED);
    store->fences_releases = true;
    struct fake fenced = fake_attach(FENCED), other = fake_attach(0);
    expect(!is_plain(&before));
    expect(is_plain(&fenced));
    expect(!is_plain(&other));
    fake_die(&before);
    fake_die(&fenced);
    fake_die(&other);
}

Test(plain_release, that_told_nobody_is_seen_after_the_fence)
{
    store->fences_releases = true;
    struct fake maker = fake_attach(FENCED);
    reader = fake_attach(FENCED);
    uint64_t freed = store->counts.freed;
    drop_what_is_pinned(&maker);
    expect_eq(membarriers, 1);
    expect_eq(store->counts.freed, freed + 1);
    fake_die(&reader);
    fake_die(&maker);
}

Test(plain_release, costs_who_pins_nothing_no_fence)
{
    store->fences_releases = true;
    struct fake maker = fake_attach(FENCED);
    uint64_t freed = store->counts.freed;
    lode_id id = fake_put(&maker, "x", 1);
    fake_drop(&maker, id);
    fake_ring(&maker);
    expect_eq(store->counts.freed, freed + 1);
    expect_eq(membarriers, 0);
    fake_die(&maker);
}

/* The store found that the system refuses it: all clients fence. */
Test(plain_release, is_nobodys_where_the_system_refuses_the_fence)
{
    struct fake maker = fake_attach(FENCED);
    reader = fake_attach(FENCED);
    expect(!is_plain(&reader));
    drop_what_is_pinned(&maker);
    expect_eq(membarriers, 0);
    fake_die(&reader);
    fake_die(&maker);
}

/* No memory at this moment: the other way is taken, which needs none, and helps. */
Test(plain_release, is_fenced_by_other_means_where_one_fails)
{
    store->fences_releases = true;
    struct fake maker = fake_attach(FENCED);
    reader = fake_attach(FENCED);
    uint64_t freed = store->counts.freed;
    refused_with = ENOMEM;
    refusals_at_most = 1;
    drop_what_is_pinned(&maker);
    expect_eq(membarriers, 2);
    expect(!store->releases_unheard);
    expect_eq(store->counts.freed, freed + 1);
    refused_with = 0;
    fake_die(&reader);
    fake_die(&maker);
}

/* Both ways are refused. Nobody hears of a release, until the memory is needed. */
static lode_id
release_unheard(struct fake *maker)
{
    lode_id id = fake_put(maker, "x", 1);
    fake_ring(maker);
    fake_pin(&reader, 0, entry_of(id) + 1);
    uint64_t freed = store->counts.freed;
    refused_with = EINVAL;
    fake_drop(maker, id);
    fake_ring(maker);
    refused_with = 0;
    fake_pin(&reader, 0, 0);
    fake_ring(maker);
    expect_eq(store->counts.freed, freed);
    return id;
}

Test(plain_release, that_went_unheard_is_found_when_memory_is_lacking)
{
    store->fences_releases = true;
    struct fake maker = fake_attach(FENCED);
    reader = fake_attach(FENCED);
    uint64_t freed = store->counts.freed;
    release_unheard(&maker);
    reclaim(store);
    fake_ring(&maker);
    expect_eq(store->counts.freed, freed + 1);
    fake_die(&reader);
    fake_die(&maker);
}

/* Each look at all entries takes time that others wait for. */
Test(plain_release, that_went_unheard_is_looked_for_once)
{
    store->fences_releases = true;
    struct fake maker = fake_attach(FENCED);
    reader = fake_attach(FENCED);
    uint64_t freed = store->counts.freed;
    release_unheard(&maker);
    expect(store->releases_unheard);
    reclaim(store);
    expect(!store->releases_unheard);
    fake_ring(&maker);
    expect_eq(store->counts.freed, freed + 1);
    expect(!store->releases_unheard);
    fake_die(&reader);
    fake_die(&maker);
}

/* The look at what was WANTED finds it pinned, and is not fenced, either. */
Test(plain_release, that_went_unheard_is_looked_for_again_if_the_look_was_refused_the_fence)
{
    store->fences_releases = true;
    struct fake maker = fake_attach(FENCED);
    reader = fake_attach(FENCED);
    uint64_t freed = store->counts.freed;
    lode_id id = release_unheard(&maker);
    fake_pin(&reader, 0, entry_of(id) + 1);
    refused_with = EINVAL;
    reclaim(store);
    fake_ring(&maker);
    refused_with = 0;
    expect(store->releases_unheard);
    fake_pin(&reader, 0, 0);
    reclaim(store);
    fake_ring(&maker);
    expect_eq(store->counts.freed, freed + 1);
    fake_die(&reader);
    fake_die(&maker);
}
