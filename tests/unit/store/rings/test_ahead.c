/* What is looked at ahead of the records of a ring that are applied. */
#include "tests/unit/store/fake_client.h"

#include "store/rings/ahead.h"

TestSuite(ahead, .init = store_setup, .fini = store_teardown, .timeout = 120);

static struct ahead
begin(const struct fake *fake)
{
    struct ahead ahead;
    ahead_begin(&ahead, &store->table, fake->session, fake->session->ring_head, fake->tail);
    ahead.few = false;
    return ahead;
}

static void
expect_hash(const struct ahead *ahead, uint32_t record, lode_id id)
{
    expect_eq(ahead->hash[record % AHEAD_FAR], table_hash(&store->table, id));
}

Test(ahead, the_ids_of_the_next_records_are_known_before_they_are_applied)
{
    enum { RECORDS = 3 * AHEAD_FAR };
    struct fake maker = fake_attach(0);
    lode_id ids[RECORDS];
    for (int i = 0; i < RECORDS; i++) {
        ids[i] = i % 3 == 2 ? ids[i - 1] : fake_put(&maker, "hello", 5);
        if (i % 3 == 2) {
            fake_drop(&maker, ids[i]);
        }
    }
    struct ahead ahead = begin(&maker);
    for (uint32_t i = 0; i < RECORDS; i++) {
        ahead_go_on(&ahead, &store->table, maker.session->ring_head);
        uint32_t known = i + AHEAD_FAR < RECORDS ? i + AHEAD_FAR : RECORDS;
        expect_eq(ahead.looked, known);
        expect_hash(&ahead, i, ids[i]);
        expect_hash(&ahead, known - 1, ids[known - 1]);
    }
    fake_ring(&maker);
    fake_die(&maker);
}

Test(ahead, what_lies_beyond_the_rings_end_is_found_at_its_beginning)
{
    struct fake maker = fake_attach(0);
    static char bytes[2000];
    while (maker.tail < maker.ring_bytes - 5000) {
        fake_drop(&maker, fake_put(&maker, bytes, sizeof bytes));
        fake_ring(&maker);
    }
    lode_id ids[4];
    for (int i = 0; i < 4; i++) {
        ids[i] = fake_put(&maker, bytes, sizeof bytes);
    }
    expect_lt(maker.ring_bytes, maker.tail); /* and a record fills the end up */
    struct ahead ahead = begin(&maker);
    ahead_go_on(&ahead, &store->table, maker.session->ring_head);
    expect_eq(ahead.looked, 5);
    expect_hash(&ahead, 0, ids[0]);
    expect_hash(&ahead, 4, ids[3]);
    fake_ring(&maker);
    expect_eq(state_of(ids[3]), LODE_ENTRY_SEALED);
    fake_die(&maker);
}

Test(ahead, a_record_whose_size_cannot_be_believed_is_the_last_that_is_looked_at)
{
    static const uint32_t sizes[] = {0, 8, 17, 1 << 20, UINT32_MAX};
    for (size_t i = 0; i < sizeof sizes / sizeof *sizes; i++) {
        struct fake maker = fake_attach(0);
        lode_id first = fake_put(&maker, "hello", 5);
        uint8_t *bad = fake_record(&maker, LODE_RECORD_DROP, sizeof(lode_id));
        memcpy(bad - sizeof(struct lode_record), &sizes[i], sizeof sizes[i]);
        (void)fake_put(&maker, "behind", 6);
        struct ahead ahead = begin(&maker);
        ahead_go_on(&ahead, &store->table, maker.session->ring_head);
        expect_eq(ahead.looked, 2);
        expect_hash(&ahead, 0, first);
        expect_eq(ahead.hash[1], 0);
        fake_ring(&maker);
        expect(fake_is_cut(&maker));
        fake_die(&maker);
    }
}

Test(ahead, a_record_that_is_too_short_for_an_id_has_none)
{
    struct fake maker = fake_attach(0);
    (void)fake_record(&maker, LODE_RECORD_DROP, 0);
    fake_publish(&maker);
    struct ahead ahead = begin(&maker);
    ahead_go_on(&ahead, &store->table, maker.session->ring_head);
    expect_eq(ahead.looked, 1);
    expect_eq(ahead.hash[0], 0);
    fake_ring(&maker);
    expect(fake_is_cut(&maker));
    fake_die(&maker);
}

Test(ahead, while_there_are_few_objects_only_the_ring_is_fetched)
{
    struct fake maker = fake_attach(0);
    lode_id id = {{0}};
    for (int i = 0; i < 2 * AHEAD_FAR; i++) {
        id = fake_put(&maker, "hello", 5);
    }
    struct ahead ahead;
    uint64_t head = maker.session->ring_head;
    ahead_begin(&ahead, &store->table, maker.session, head, maker.tail);
    ahead_go_on(&ahead, &store->table, head);
    expect_eq(ahead.looked, 0);
    expect_lt(head, ahead.fetched);
    fake_ring(&maker);
    expect_eq(state_of(id), LODE_ENTRY_SEALED);
    fake_die(&maker);
}

Test(ahead, behind_many_objects_the_ids_are_looked_at)
{
    struct fake maker = fake_attach(0);
    for (int i = 0; i <= AHEAD_FEW; i++) {
        (void)fake_put(&maker, "hello", 5);
        if (i % 64 == 0) {
            fake_ring(&maker);
        }
    }
    fake_ring(&maker);
    (void)fake_put(&maker, "hello", 5);
    struct ahead ahead;
    uint64_t head = maker.session->ring_head;
    ahead_begin(&ahead, &store->table, maker.session, head, maker.tail);
    ahead_go_on(&ahead, &store->table, head);
    expect_eq(ahead.looked, 1);
    fake_ring(&maker);
    fake_die(&maker);
}
