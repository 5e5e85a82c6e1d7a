/* References that are taken and dropped again at once are left out, and nothing else is. */
#include "tests/unit/store/fake_client.h"

#include "store/rings/pairs.h"

TestSuite(pairs, .init = store_setup, .fini = store_teardown, .timeout = 120);

/* For each record of the ring, in its order, 'x' if it would be left out, else '.'. */
static const char *
left_out(const struct fake *fake)
{
    static char text[64];
    struct pairs pairs;
    size_t size = 0;
    uint64_t head = fake->session->ring_head;
    pairs_begin(&pairs, store, fake->session, head);
    while (head != fake->tail && size < sizeof text - 1) {
        struct lode_record record;
        const uint8_t *ring = fake->session->file + LODE_RING_OFFSET;
        memcpy(&record, ring + (head & (fake->ring_bytes - 1)), sizeof record);
        text[size++] = pairs_skip(&pairs, head, fake->tail) ? 'x' : '.';
        head += record.size;
    }
    text[size] = 0;
    return text;
}

/* A session that has put `count` objects. Each has its reference from birth. */
static struct fake
attach_with(int count, lode_id *ids_out)
{
    struct fake fake = fake_attach(0);
    for (int i = 0; i < count; i++) {
        ids_out[i] = fake_put(&fake, "a", 1);
    }
    fake_ring(&fake);
    return fake;
}

static uint32_t
refs_of(lode_id id)
{
    return store->table.truths[entry_of(id)].refs;
}

Test(pairs, a_reference_that_is_taken_and_dropped_again_is_left_out)
{
    lode_id ids[2];
    struct fake fake = attach_with(2, ids);
    lode_id a = ids[0], b = ids[1];
    fake_take(&fake, a);
    fake_drop(&fake, a);
    fake_take(&fake, a);
    fake_take(&fake, b);
    fake_drop(&fake, a);
    fake_drop(&fake, b);
    expect_eq(strcmp(left_out(&fake), "xxxxxx"), 0);
    uint64_t records = store->counts.ring_records;
    fake_ring(&fake);
    expect_eq(store->counts.ring_records, records + 6);
    expect_eq(atomic_load(&store->table.rows[fake.row].ring_head), fake.tail);
    expect_eq(refs_of(a), 1);
    expect_eq(refs_of(b), 1);
    fake_die(&fake);
}

Test(pairs, each_drop_ends_one_take)
{
    lode_id a;
    struct fake fake = attach_with(1, &a);
    fake_take(&fake, a);
    fake_take(&fake, a);
    fake_take(&fake, a);
    fake_drop(&fake, a);
    fake_drop(&fake, a);
    expect_eq(strcmp(left_out(&fake), "xx.xx"), 0);
    fake_ring(&fake);
    expect_eq(refs_of(a), 2);
    fake_drop(&fake, a);
    fake_drop(&fake, a);
    expect_eq(strcmp(left_out(&fake), ".."), 0);
    fake_ring(&fake);
    expect_eq(state_of(a), LODE_ENTRY_FREE);
    fake_die(&fake);
}

Test(pairs, a_drop_before_its_take_counts)
{
    lode_id ids[2];
    struct fake fake = attach_with(2, ids);
    lode_id a = ids[0], b = ids[1];
    fake_drop(&fake, a);
    fake_take(&fake, b);
    fake_take(&fake, a);
    expect_eq(strcmp(left_out(&fake), "..."), 0);
    fake_ring(&fake);
    expect_eq(refs_of(a), 1);
    expect_eq(refs_of(b), 2);
    fake_die(&fake);
}

Test(pairs, another_record_between_take_and_drop_is_a_reason_to_apply_them)
{
    lode_id a;
    struct fake fake = attach_with(1, &a);
    fake_take(&fake, a);
    (void)fake_put(&fake, "b", 1);
    fake_drop(&fake, a);
    expect_eq(strcmp(left_out(&fake), "..."), 0);
    fake_ring(&fake);
    expect_eq(refs_of(a), 1);
    fake_die(&fake);
}

Test(pairs, a_drop_far_behind_its_take_is_applied)
{
    lode_id ids[PAIRS_FAR + 1];
    struct fake fake = attach_with(PAIRS_FAR + 1, ids);
    for (int i = 0; i <= PAIRS_FAR; i++) {
        fake_take(&fake, ids[i]);
    }
    fake_drop(&fake, ids[0]); /* the ninth record behind it */
    fake_drop(&fake, ids[2]); /* the eighth */
    expect_eq(strcmp(left_out(&fake), "..x.......x"), 0);
    fake_ring(&fake);
    expect_eq(refs_of(ids[0]), 1);
    expect_eq(refs_of(ids[1]), 2);
    expect_eq(refs_of(ids[2]), 1);
    fake_die(&fake);
}

Test(pairs, do_not_go_round_the_rings_end)
{
    lode_id a;
    struct fake fake = attach_with(1, &a);
    while (fake.tail % fake.ring_bytes != fake.ring_bytes - PAIRS_RECORD) {
        fake_take(&fake, a);
        fake_drop(&fake, a);
        fake_ring(&fake);
        if (fake.tail % fake.ring_bytes == fake.ring_bytes - 3 * LODE_RECORD_ALIGN) {
            fake_record(&fake, LODE_RECORD_PAD, 0);
            fake_publish(&fake);
        }
    }
    fake_ring(&fake);
    fake_take(&fake, a);
    fake_drop(&fake, a);
    expect_eq(strcmp(left_out(&fake), ".."), 0);
    fake_ring(&fake);
    expect_eq(refs_of(a), 1);
    fake_die(&fake);
}

/* What may have been found in the DROP's place is not looked at again. */
Test(pairs, a_client_that_changes_the_drop_meanwhile_changes_nothing)
{
    lode_id a;
    struct fake fake = attach_with(1, &a);
    struct pairs pairs;
    uint64_t head = fake.session->ring_head;
    fake_take(&fake, a);
    uint8_t *drop = fake_record(&fake, LODE_RECORD_DROP, sizeof a);
    memcpy(drop, &a, sizeof a);
    fake_publish(&fake);
    pairs_begin(&pairs, store, fake.session, head);
    expect(pairs_skip(&pairs, head, fake.tail));
    memset(drop - sizeof(struct lode_record), 0xff, PAIRS_RECORD);
    expect(pairs_skip(&pairs, head + PAIRS_RECORD, fake.tail));
    expect(!pairs_skip(&pairs, head + PAIRS_RECORD, head + PAIRS_RECORD)); /* nothing is there */
    fake_bell(&fake);
    expect(fake_is_cut(&fake)); /* by the store, which found no pair */
}

Test(pairs, a_take_of_the_zero_id_cuts_its_session)
{
    struct fake bad = fake_attach(0);
    fake_take(&bad, (lode_id){{0}});
    fake_drop(&bad, (lode_id){{0}});
    fake_bell(&bad);
    expect(fake_is_cut(&bad));
}

/*
 * S13: B has handed the object on before it dropped its own reference. That the reference came at
 * all spares the object, for the one that it was handed to may lie in a ring that was drained
 * before.
 */
Test(pairs, count_while_objects_are_doomed)
{
    lode_id a;
    struct fake fake = attach_with(1, &a);
    fake_take(&fake, a);
    fake_drop(&fake, a);
    expect_eq(strcmp(left_out(&fake), "xx"), 0);
    store->batch.phase = BATCH_DRAIN;
    expect_eq(strcmp(left_out(&fake), ".."), 0);
    store->batch.phase = BATCH_NONE;
    fake_ring(&fake);
    fake_die(&fake);
}

/* The drop that follows ends the lost one. What was found before that is left out as a whole. */
Test(pairs, count_once_a_reference_is_lost)
{
    lode_id a;
    struct fake fake = attach_with(1, &a);
    struct pairs pairs;
    struct lost *lost = (struct lost *)&pairs;
    uint64_t head = fake.session->ring_head;
    for (int i = 0; i < 2; i++) {
        fake_take(&fake, a);
        fake_drop(&fake, a);
    }
    pairs_begin(&pairs, store, fake.session, head);
    expect(pairs_skip(&pairs, head, fake.tail));
    fake.session->lost = lost;
    expect(pairs_skip(&pairs, head + PAIRS_RECORD, fake.tail));
    expect(!pairs_skip(&pairs, head + 2 * PAIRS_RECORD, fake.tail));
    expect(!pairs_skip(&pairs, head + 3 * PAIRS_RECORD, fake.tail));
    fake.session->lost = NULL;
    fake_ring(&fake);
    expect_eq(refs_of(a), 1);
    fake_die(&fake);
}
