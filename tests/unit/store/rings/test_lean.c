/*
 * Sessions that say LODE_HELLO_LEAN have little memory before they want more: no credit, and only
 * the beginning of their ring.
 */
#include "tests/unit/store/fake_client.h"

#include "api/base/clock.h"

#include <sys/stat.h>

enum { KIB = 1024, FIRST = LODE_RING_BYTES_FIRST, RING = LODE_RING_BYTES_DEFAULT };

TestSuite(lean, .init = store_setup, .fini = store_teardown, .timeout = 120);

static void
small_setup(void)
{
    store_setup_in("24m");
}

TestSuite(lean_in_a_full_tmpfs, .init = small_setup, .fini = store_teardown, .timeout = 120);

static long
kib_of(const struct fake *fake)
{
    struct stat st;
    expect_eq(fstat(fake->file_fd, &st), 0);
    return (long)st.st_blocks / 2;
}

static struct lode_session_row *
row_of(const struct fake *fake)
{
    return &store->table.rows[fake->row];
}

static void
ask(struct fake *fake, uint32_t pages, uint32_t entries, uint32_t bytes)
{
    atomic_store(&fake->header->credit_need, pages | entries << 16);
    atomic_store(&fake->header->ring_need, bytes);
    atomic_store(&fake->header->credit_waits, 1);
    fake_ring(fake);
    atomic_store(&fake->header->credit_waits, 0);
}

/* A PAD from here to the ring's beginning; only its head is written. */
static void
pad(struct fake *fake)
{
    uint32_t at = (uint32_t)(fake->tail % RING);
    struct lode_record record = {.size = RING - at, .type = LODE_RECORD_PAD};
    memcpy(fake->file + LODE_RING_OFFSET + at, &record, sizeof record);
    fake->tail += record.size;
}

static void
go_round(struct fake *fake)
{
    pad(fake);
    fake_publish(fake);
}

/* As the client does where the next record would end behind what has memory. */
static void
go_round_if_it_must(struct fake *fake, uint32_t size)
{
    if (fake->tail % RING + size > lode_ring_reach(FIRST, RING)) {
        pad(fake);
    }
}

Test(lean, sessions_take_16_kib_and_no_credit)
{
    uint64_t pages = store->credit_pages, entries = store->credit_entries;
    struct fake fake = fake_attach(LODE_HELLO_LEAN);
    expect_eq(kib_of(&fake), 16);
    expect_eq(store->credit_pages, pages);
    expect_eq(store->credit_entries, entries);
    expect_eq(atomic_load(&row_of(&fake)->ring_backed), FIRST);
    struct fake other = fake_attach(0);
    expect_eq(kib_of(&other), 4 + RING / KIB + 4);
    expect_eq(atomic_load(&row_of(&other)->ring_backed), RING);
    expect_lt(pages, store->credit_pages);
    fake_die(&other);
    fake_die(&fake);
}

Test(lean, sessions_are_granted_what_they_ask_for_and_some_more_from_then_on)
{
    struct fake fake = fake_attach(LODE_HELLO_LEAN);
    for (int i = 0; i < 10; i++) {
        fake_drop(&fake, fake_next(&fake));
        fake_ring(&fake);
    }
    expect_eq(atomic_load(&row_of(&fake)->credit_entries), 0);
    ask(&fake, 1, 1, 4096);
    expect_eq(atomic_load(&row_of(&fake)->credit_pages), 16);
    expect_eq(atomic_load(&row_of(&fake)->credit_entries), 256);
    lode_id id = fake_put(&fake, "hello", 5);
    fake_ring(&fake);
    expect_eq(state_of(id), LODE_ENTRY_SEALED);
    expect_lt(256, atomic_load(&row_of(&fake)->credit_entries));
    expect_eq(kib_of(&fake), 16);
    fake_die(&fake);
}

Test(lean, sessions_that_put_without_credit_are_cut)
{
    struct fake fake = fake_attach(LODE_HELLO_LEAN);
    fake_put(&fake, "hello", 5);
    fake_bell(&fake);
    expect(fake_is_cut(&fake));
    fake_die(&fake);
}

/* The store has drained each before the next one came: the PADs between them take no memory. */
Test(lean, rings_of_those_that_only_wait_stay_small_however_often_they_go_round)
{
    enum { WAIT_BYTES = sizeof(struct lode_record) + sizeof(struct lode_wait_record) };
    struct fake fake = fake_attach(LODE_HELLO_LEAN);
    for (uint64_t i = 1; i <= 1000; i++) {
        go_round_if_it_must(&fake, WAIT_BYTES);
        fake_wait(&fake, user(i), i);
    }
    expect_lt(5 * RING, fake.tail);
    expect_eq(atomic_load(&row_of(&fake)->ring_backed), FIRST);
    expect_eq(kib_of(&fake), 16);
    fake_die(&fake);
}

/* A record that finds no room behind many others: the PAD stands where it would have begun. */
Test(lean, rings_get_memory_when_little_is_left_in_front_of_a_large_record)
{
    struct fake fake = fake_attach(LODE_HELLO_LEAN);
    fake_drop(&fake, fake_next(&fake));
    fake_ring(&fake);
    expect_eq(atomic_load(&row_of(&fake)->ring_backed), FIRST);
    go_round(&fake);
    fake_ring(&fake);
    expect_eq(atomic_load(&row_of(&fake)->ring_backed), RING);
    expect_eq(kib_of(&fake), 4 + RING / KIB + 4);
    fake_die(&fake);
}

Test(lean, rings_get_memory_when_half_of_what_has_some_was_used_at_once)
{
    enum { DROP_BYTES = 32, HALF = FIRST / 2 / DROP_BYTES };
    struct fake fake = fake_attach(LODE_HELLO_LEAN);
    for (int i = 0; i < HALF - 1; i++) {
        fake_drop(&fake, fake_next(&fake));
    }
    fake_ring(&fake);
    expect_eq(atomic_load(&row_of(&fake)->ring_backed), FIRST);
    for (int i = 0; i < HALF; i++) {
        fake_drop(&fake, fake_next(&fake));
    }
    fake_ring(&fake);
    expect_eq(atomic_load(&row_of(&fake)->ring_backed), RING);
    fake_die(&fake);
}

Test(lean, rings_get_memory_when_a_record_wants_it_and_whoever_waits_is_woken)
{
    struct fake fake = fake_attach(LODE_HELLO_LEAN);
    ask(&fake, 1, 1, FIRST - 16);
    expect_eq(atomic_load(&row_of(&fake)->ring_backed), FIRST);
    uint32_t wake = atomic_load(&row_of(&fake)->credit_wake);
    ask(&fake, 1, 1, FIRST);
    expect_eq(atomic_load(&row_of(&fake)->ring_backed), RING);
    expect_ne(atomic_load(&row_of(&fake)->credit_wake), wake);
    wake = atomic_load(&row_of(&fake)->credit_wake);
    ask(&fake, 1, 1, FIRST);
    expect_eq(atomic_load(&row_of(&fake)->credit_wake), wake); /* or it would ring for ever */
    fake_die(&fake);
}

Test(lean, rings_are_drained_when_their_client_dies)
{
    struct fake fake = fake_attach(LODE_HELLO_LEAN), other = fake_attach(0);
    char bytes[2000] = {0};
    ask(&fake, 1, 1, 64);
    fake_put(&fake, bytes, sizeof bytes);
    fake_ring(&fake);
    lode_id kept = fake_put(&other, "kept", 4);
    fake_ring(&other);
    go_round(&fake);
    fake_reference(&fake, LODE_RECORD_TAKE, kept);
    fake_put(&fake, "gone with it", 12);
    uint64_t created = store->counts.created;
    fake_die(&fake);
    expect_eq(store->counts.created, created + 1);
    expect_eq(store->table.truths[entry_of(kept)].refs, 1);
    fake_die(&other);
}

/* ---- what is not allowed ---- */

/* And the store has looked at nothing that has no memory: that would take some. */
static void
is_cut(struct fake *bad)
{
    long kib = kib_of(bad);
    fake_bell(bad);
    expect(fake_is_cut(bad));
    expect_eq(kib_of(bad), kib);
    fake_die(bad);
}

/* A PAD up to `at`, and behind it a record that is not written. */
static void
goes_on_at(uint32_t at)
{
    struct fake bad = fake_attach(LODE_HELLO_LEAN);
    struct lode_record pad = {.size = at, .type = LODE_RECORD_PAD};
    memcpy(bad.file + LODE_RING_OFFSET, &pad, sizeof pad);
    bad.tail = at + 32;
    fake_publish(&bad);
    is_cut(&bad);
}

Test(lean, sessions_are_cut_whose_records_lie_behind_their_memory)
{
    goes_on_at(FIRST);
    goes_on_at(FIRST + 4096);
    goes_on_at(RING - 32);
}

/* Though it has used much of its ring. */
Test(lean, a_session_that_is_cut_gets_no_memory)
{
    struct fake bad = fake_attach(LODE_HELLO_LEAN);
    fake_drop(&bad, fake_next(&bad));
    go_round(&bad);
    fake_reference(&bad, LODE_RECORD_TAKE, (lode_id){{0}});
    is_cut(&bad);
}

Test(lean, sessions_are_cut_whose_record_reaches_behind_their_memory)
{
    struct fake bad = fake_attach(LODE_HELLO_LEAN);
    struct lode_record pad = {.size = FIRST - 16, .type = LODE_RECORD_PAD};
    struct lode_record drop = {.size = 32, .type = LODE_RECORD_DROP};
    memcpy(bad.file + LODE_RING_OFFSET, &pad, sizeof pad);
    memcpy(bad.file + LODE_RING_OFFSET + FIRST - 16, &drop, sizeof drop);
    bad.tail = FIRST + 16;
    fake_publish(&bad);
    is_cut(&bad);
}

/* The DROP that it may be a pair with is looked for behind it. */
Test(lean, nothing_is_looked_for_behind_the_memory)
{
    struct fake bad = fake_attach(LODE_HELLO_LEAN);
    struct lode_record pad = {.size = FIRST - 32, .type = LODE_RECORD_PAD};
    struct lode_record take = {.size = 32, .type = LODE_RECORD_TAKE};
    lode_id id = fake_next(&bad);
    uint8_t *at = bad.file + LODE_RING_OFFSET;
    memcpy(at, &pad, sizeof pad);
    memcpy(at + FIRST - 32, &take, sizeof take);
    memcpy(at + FIRST - 16, &id, sizeof id);
    bad.tail = FIRST + 64;
    fake_publish(&bad);
    is_cut(&bad);
}

/* ---- without memory ---- */

/* The store applies the records, too: in the end nothing refers to the object any more. */
Test(lean_in_a_full_tmpfs, rings_stay_small_and_go_round)
{
    struct fake fake = fake_attach(LODE_HELLO_LEAN), other = fake_attach(0);
    lode_id id = fake_put(&other, "hello", 5);
    fake_ring(&other);
    fake_take(&fake, id);
    fake_ring(&fake);
    fake_warm_all_pages(); /* else the store gives back what it gets when the tmpfs is filled */
    int others = tmpfs_fill();
    for (int i = 0; i < 100; i++) {
        fake_take(&fake, id);
        fake_drop(&fake, i < 99 ? id : fake_next(&fake));
        go_round(&fake);
        fake_ring(&fake);
    }
    expect_eq(store->table.truths[entry_of(id)].refs, 3); /* of `other`, and two of `fake` */
    expect_eq(atomic_load(&row_of(&fake)->ring_backed), FIRST);
    ask(&fake, 0, 0, FIRST);
    expect_eq(atomic_load(&row_of(&fake)->ring_backed), FIRST);
    expect_eq(kib_of(&fake), 16);
    close(others);
    int64_t until = lode_now_ns() + INT64_C(20000000000); /* a while after a refusal it is tried */
    while (atomic_load(&row_of(&fake)->ring_backed) == FIRST && lode_now_ns() < until) {
        ask(&fake, 0, 0, FIRST);
    }
    expect_eq(atomic_load(&row_of(&fake)->ring_backed), RING);
    fake_drop(&other, id);
    fake_ring(&other);
    expect_eq(state_of(id), LODE_ENTRY_SEALED);
    fake_drop(&fake, id);
    fake_drop(&fake, id);
    fake_ring(&fake);
    expect_eq(state_of(id), LODE_ENTRY_FREE);
    fake_die(&other);
    fake_die(&fake);
}
