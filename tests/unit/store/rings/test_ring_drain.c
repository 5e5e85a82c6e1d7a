/* What the store does with the records of a ring, good ones and bad ones. */
#include "tests/unit/store/fake_client.h"

#include "api/base/clock.h"

TestSuite(ring_drain, .init = store_setup, .fini = store_teardown, .timeout = 120);

Test(ring_drain, a_put_is_sealed_with_its_bytes_and_referenced_from_birth)
{
    struct fake maker = fake_attach(0);
    lode_id small = fake_put(&maker, "hello", 5), large;
    char bytes[3000];
    memset(bytes, 'x', sizeof bytes);
    large = fake_put(&maker, bytes, sizeof bytes);
    fake_ring(&maker);
    expect_eq(state_of(small), LODE_ENTRY_SEALED);
    expect(memcmp(object_data(&store->table, entry_of(small)), "hello", 5) == 0);
    expect_eq(store->table.entries[entry_of(small)].extent, LODE_EXTENT_INLINE);
    expect(memcmp(object_data(&store->table, entry_of(large)), bytes, sizeof bytes) == 0);
    expect_eq(store->table.truths[entry_of(large)].refs, 1);
    fake_drop(&maker, small);
    fake_drop(&maker, large);
    fake_ring(&maker);
    expect_eq(state_of(small), LODE_ENTRY_FREE);
    expect_eq(state_of(large), LODE_ENTRY_FREE);
    fake_die(&maker);
}

Test(ring_drain, credit_is_spent_and_comes_back_with_fresh_pages)
{
    struct fake maker = fake_attach(0);
    const struct lode_session_row *row = &store->table.rows[maker.row];
    uint64_t pages = atomic_load(&row->credit_pages), entries = atomic_load(&row->credit_entries);
    char bytes[5000] = {0};
    expect_le(16, pages);
    fake_put(&maker, bytes, sizeof bytes);
    fake_ring(&maker);
    expect_eq(maker.session->pages_used, 2);
    expect_eq(maker.session->entries_used, 1);
    expect_le(pages + 2, atomic_load(&row->credit_pages));
    expect_le(entries + 1, atomic_load(&row->credit_entries));
    expect_eq(atomic_load(&row->ring_head), maker.tail);
    fake_die(&maker);
}

/* A wait's bell, say, whose record was drained with another's question: nobody lacks credit. */
Test(ring_drain, a_bell_behind_which_nothing_is_asks_for_credit_only_where_one_waits_for_it)
{
    struct fake fake = fake_attach(0);
    const struct lode_session_row *row = &store->table.rows[fake.row];
    uint64_t pages = atomic_load(&row->credit_pages), entries = atomic_load(&row->credit_entries);
    for (int i = 0; i < 10; i++) {
        fake_ring(&fake);
    }
    expect_eq(atomic_load(&row->credit_pages), pages);
    expect_eq(atomic_load(&row->credit_entries), entries);
    atomic_store(&fake.header->credit_need, (pages + 1) | (entries + 1) << 16);
    atomic_store(&fake.header->credit_waits, 1);
    fake_ring(&fake);
    expect_lt(pages, atomic_load(&row->credit_pages));
    expect_lt(entries, atomic_load(&row->credit_entries));
    fake_die(&fake);
}

Test(ring_drain, the_ring_goes_round_and_round)
{
    struct fake maker = fake_attach(0);
    static char bytes[1000];
    lode_id last = {{0}};
    for (int i = 0; i < 2000; i++) {
        last = fake_put(&maker, bytes, sizeof bytes);
        fake_drop(&maker, last);
        if (i % 8 == 7) {
            fake_ring(&maker);
        }
    }
    expect_eq(atomic_load(&store->table.rows[maker.row].ring_head), maker.tail);
    expect_eq(state_of(last), LODE_ENTRY_FREE);
    fake_die(&maker);
}

/* ---- what is not allowed ---- */

static void
is_cut_by(struct fake *bad)
{
    uint64_t created = store->counts.created;
    struct fake good = fake_attach(0);
    lode_id id = fake_put(&good, "good", 4);
    fake_ring(&good);
    fake_bell(bad);
    expect(fake_is_cut(bad));
    expect_eq(store->counts.created, created + 1); /* nothing of the bad record was applied */
    expect_eq(fake_lookup(&good, id, 0), LODE_FOUND_SEALED);
    fake_die(&good);
}

static struct lode_made
good_made(struct fake *fake)
{
    return (struct lode_made){.id = fake_next(fake), .size = 8, .carried = 16};
}

static void
cut_by_made(struct lode_made made, struct fake *fake)
{
    memcpy(fake_record(fake, LODE_RECORD_PUT, sizeof made + 16), &made, sizeof made);
    fake_publish(fake);
    is_cut_by(fake);
}

Test(ring_drain, cuts_who_puts_under_anothers_id)
{
    struct fake bad = fake_attach(0);
    struct lode_made made = good_made(&bad);
    made.id = lode_id_make(LODE_ID_PUT, bad.number + 1, 1);
    cut_by_made(made, &bad);
}

Test(ring_drain, cuts_who_puts_a_result)
{
    struct fake bad = fake_attach(0);
    struct lode_made made = good_made(&bad);
    made.id = result(&bad, 1);
    cut_by_made(made, &bad);
}

Test(ring_drain, cuts_who_says_more_bytes_than_it_carries)
{
    struct fake bad = fake_attach(0);
    struct lode_made made = good_made(&bad);
    made.size = 17;
    cut_by_made(made, &bad);
}

Test(ring_drain, cuts_who_says_more_carried_than_the_record_has)
{
    struct fake bad = fake_attach(0);
    struct lode_made made = good_made(&bad);
    made.carried = UINT32_MAX;
    cut_by_made(made, &bad);
}

/* Its credit would do: what is refused is a size that no client puts by ring. */
Test(ring_drain, cuts_who_puts_more_in_a_record_than_an_object_of_the_ring_may_have)
{
    static char bytes[LODE_RING_PUT_MAX + 1];
    struct fake most = fake_attach(0), bad = fake_attach(0);
    lode_id id = fake_put(&most, bytes, LODE_RING_PUT_MAX);
    fake_ring(&most);
    expect_eq(state_of(id), LODE_ENTRY_SEALED);
    fake_put(&bad, bytes, LODE_RING_PUT_MAX + 1);
    is_cut_by(&bad);
    fake_die(&most);
}

Test(ring_drain, cuts_who_has_too_many_axes)
{
    struct fake bad = fake_attach(0);
    struct lode_made made = good_made(&bad);
    made.kind = LODE_KIND_ARRAY;
    made.dtype = LODE_F64;
    made.ndim = 200;
    cut_by_made(made, &bad);
}

Test(ring_drain, cuts_whose_shape_is_larger_than_his_object)
{
    struct fake bad = fake_attach(0);
    struct lode_made made = good_made(&bad);
    int64_t shape = 3;
    made.kind = LODE_KIND_ARRAY;
    made.dtype = LODE_F64;
    made.ndim = 1;
    made.carried = 32;
    uint8_t *at = fake_record(&bad, LODE_RECORD_PUT, sizeof made + 32);
    memcpy(at, &made, sizeof made);
    memcpy(at + sizeof made, &shape, sizeof shape);
    fake_publish(&bad);
    is_cut_by(&bad);
}

Test(ring_drain, cuts_who_puts_twice_under_one_id)
{
    struct fake bad = fake_attach(0);
    fake_put(&bad, "a", 1);
    fake_ring(&bad);
    bad.counter--;
    fake_put(&bad, "b", 1);
    is_cut_by(&bad);
}

Test(ring_drain, keeps_the_first_of_two_puts_under_a_reserved_id)
{
    struct fake maker = fake_attach(0);
    struct lode_made made = good_made(&maker);
    uint64_t created = store->counts.created, freed = store->counts.freed;
    made.id = lode_id_reserve(maker.number, 1);
    for (int i = 0; i < 2; i++) {
        memcpy(fake_record(&maker, LODE_RECORD_PUT, sizeof made + 16), &made, sizeof made);
        fake_publish(&maker);
    }
    expect_eq(fake_lookup(&maker, made.id, 0), LODE_FOUND_SEALED);
    expect_eq(store->counts.created, created + 1);
    fake_drop(&maker, made.id);
    fake_ring(&maker);
    expect_eq(store->counts.freed, freed + 1);
    memcpy(fake_record(&maker, LODE_RECORD_PUT, sizeof made + 16), &made, sizeof made);
    fake_publish(&maker);
    expect_eq(fake_lookup(&maker, made.id, 0), LODE_FOUND_GONE);
    expect_eq(store->counts.created, created + 1);
    fake_die(&maker);
}

Test(ring_drain, cuts_who_spends_more_than_its_credit)
{
    struct fake bad = fake_attach(0);
    static char bytes[16 << 10];
    for (int i = 0; i < 5; i++) { /* 5 × 4 pages; 16 are granted */
        fake_put(&bad, bytes, sizeof bytes);
    }
    fake_bell(&bad);
    expect(fake_is_cut(&bad));
}

Test(ring_drain, cuts_who_waits_without_a_cookie)
{
    struct fake bad = fake_attach(0);
    struct lode_wait_record wait = {.id = fake_next(&bad)};
    memcpy(fake_record(&bad, LODE_RECORD_WAIT, sizeof wait), &wait, sizeof wait);
    fake_publish(&bad);
    is_cut_by(&bad);
}

Test(ring_drain, cuts_whose_wait_is_cut_short)
{
    struct fake bad = fake_attach(0);
    fake_record(&bad, LODE_RECORD_WAIT, sizeof(lode_id));
    fake_publish(&bad);
    is_cut_by(&bad);
}

Test(ring_drain, cuts_who_commits_without_being_a_maker)
{
    struct fake bad = fake_attach(0);
    struct lode_commit commit = {.count = 1};
    memcpy(fake_record(&bad, LODE_RECORD_COMMIT, 80), &commit, sizeof commit);
    fake_publish(&bad);
    is_cut_by(&bad);
}

Test(ring_drain, cuts_who_writes_an_unknown_record)
{
    struct fake bad = fake_attach(0);
    fake_record(&bad, 99, 16);
    fake_publish(&bad);
    is_cut_by(&bad);
}

Test(ring_drain, cuts_whose_record_is_longer_than_the_ring_is_full)
{
    struct fake bad = fake_attach(0);
    fake_record(&bad, LODE_RECORD_PAD, 1000);
    bad.tail -= 512;
    fake_publish(&bad);
    is_cut_by(&bad);
}

Test(ring_drain, cuts_whose_record_has_no_size)
{
    struct fake bad = fake_attach(0);
    bad.tail = 64;
    fake_publish(&bad);
    is_cut_by(&bad);
}

Test(ring_drain, cuts_whose_tail_is_out_of_range)
{
    struct fake bad = fake_attach(0);
    bad.tail = LODE_RING_BYTES_DEFAULT + 16;
    fake_publish(&bad);
    is_cut_by(&bad);
}

Test(ring_drain, cuts_whose_file_is_cut_short_and_nobody_else)
{
    struct fake bad = fake_attach(0);
    expect_eq(ftruncate(bad.file_fd, 4096), 0);
    bad.tail = 64;
    fake_publish(&bad);
    is_cut_by(&bad);
}

Test(ring_drain, random_bytes_never_hurt_the_others)
{
    uint64_t seed = 0x9e3779b97f4a7c15;
    struct fake good = fake_attach(0);
    lode_id id = fake_put(&good, "good", 4);
    fake_ring(&good);
    for (int round = 0; round < 300; round++) {
        struct fake bad = fake_attach(LODE_HELLO_MAKER);
        uint32_t *words = (uint32_t *)(bad.file + LODE_RING_OFFSET);
        for (int i = 0; i < 512; i++) {
            seed ^= seed << 13, seed ^= seed >> 7, seed ^= seed << 17;
            words[i] = i % 4 == 0 ? 16 * (1 + (uint32_t)seed % 16) : (uint32_t)seed % 7;
        }
        bad.tail = 2048;
        fake_publish(&bad);
        fake_bell(&bad);
        pump();
        expect_eq(fake_lookup(&good, id, 0), LODE_FOUND_SEALED);
        fake_die(&bad);
    }
    expect(store_check(store));
    fake_die(&good);
}

/* ---- references ---- */

Test(ring_drain, a_reference_that_overtakes_the_put_is_kept_for_it)
{
    struct fake giver = fake_attach(0), taker = fake_attach(0);
    lode_id id = lode_id_make(LODE_ID_PUT, giver.number, 1);
    fake_take(&taker, id);
    fake_ring(&taker);
    expect_eq(state_of(id), LODE_ENTRY_EXPECTED);
    expect(lode_id_same(fake_put(&giver, "it", 2), id));
    fake_drop(&giver, id);
    fake_ring(&giver);
    expect_eq(state_of(id), LODE_ENTRY_SEALED);
    fake_drop(&taker, id);
    fake_ring(&taker);
    expect_eq(state_of(id), LODE_ENTRY_FREE);
    fake_die(&giver);
    fake_die(&taker);
}

Test(ring_drain, a_record_of_a_session_that_ends_is_still_applied)
{
    struct fake giver = fake_attach(0), taker = fake_attach(0);
    lode_id id = fake_put(&giver, "last words", 10);
    fake_take(&taker, id);
    fake_ring(&taker);
    fake_die(&giver);
    expect_eq(state_of(id), LODE_ENTRY_SEALED);
    expect(memcmp(object_data(&store->table, entry_of(id)), "last words", 10) == 0);
    fake_die(&taker);
    expect_eq(store->table.state_count[LODE_ENTRY_SEALED], 0);
}

Test(ring_drain, ends_of_sessions_leave_nothing)
{
    struct arena_stats before, after;
    arena_stats(store->arena, &before);
    for (int i = 0; i < 50; i++) {
        struct fake fake = fake_attach(LODE_HELLO_MAKER);
        struct lode_msg_created created;
        fake_put(&fake, "some", 4);
        fake_take(&fake, result(&fake, 1));
        fake_drop(&fake, result(&fake, 2));
        fake_create(&fake, fake_next(&fake), 100000, 0, &created);
        fake_create(&fake, (lode_id){{0}}, 5000, 0, &created);
        fake_die(&fake);
    }
    arena_stats(store->arena, &after);
    expect_eq(after.used_bytes, before.used_bytes);
    expect_eq(after.credit_bytes, before.credit_bytes);
    expect_eq(store->table.state_count[LODE_ENTRY_FREE], store->table.entry_count);
    expect_eq(store->table.reserved, store->table.spare_entries);
}

Test(ring_drain, strides_of_an_array_without_axes_are_refused)
{
    struct fake liar = fake_attach(0);
    struct lode_made made = {.id = fake_next(&liar),
                             .size = 8,
                             .dtype = LODE_F64,
                             .kind = LODE_KIND_ARRAY,
                             .flags = LODE_ENTRY_STRIDED,
                             .carried = 16};
    memcpy(fake_record(&liar, LODE_RECORD_PUT, sizeof made + 16), &made, sizeof made);
    fake_publish(&liar);
    fake_bell(&liar);
    expect(fake_is_cut(&liar));
    expect_eq(store->counts.sealed, 0);
    fake_die(&liar);
}

Test(ring_drain, a_take_of_a_freed_put_is_forgotten_with_its_drop)
{
    struct fake maker = fake_attach(0), late = fake_attach(0);
    lode_id id = fake_put(&maker, "x", 1), next;
    fake_ring(&maker);
    fake_drop(&maker, id);
    fake_ring(&maker);
    expect_eq(state_of(id), LODE_ENTRY_FREE);
    fake_take(&late, id);
    fake_ring(&late);
    fake_drop(&late, id);
    fake_ring(&late);
    expect_eq(state_of(id), LODE_ENTRY_FREE);
    next = lode_id_make(LODE_ID_PUT, maker.number, maker.counter + 1);
    fake_take(&late, next); /* before it is put */
    fake_ring(&late);
    expect(lode_id_same(fake_put(&maker, "y", 1), next));
    fake_ring(&maker);
    expect_eq(store->table.truths[entry_of(next)].refs, 2);
    fake_drop(&late, next);
    fake_ring(&late);
    expect_eq(state_of(next), LODE_ENTRY_SEALED);
    fake_drop(&maker, next);
    fake_ring(&maker);
    expect_eq(state_of(next), LODE_ENTRY_FREE);
    fake_die(&late);
    fake_die(&maker);
}
