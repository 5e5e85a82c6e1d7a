/*
 * Freeing, where there is much to look at: millions of pins, many full rings. The others are served
 * between its parts.
 */
#include "tests/unit/store/fake_client.h"

TestSuite(freeing_in_parts, .init = store_setup, .fini = store_teardown, .timeout = 120);

enum { MANY_PINS = LODE_PIN_MAX, MANY_READERS = 4 };

/* A session with a million pins, all of one entry. */
static struct fake
attach_pinner(uint32_t entry)
{
    struct fake fake = fake_attach(0);
    struct lode_msg_pins grow = {.head = {.type = LODE_MSG_GROW_PINS, .tag = 1},
                                 .slots = MANY_PINS};
    _Atomic uint32_t *pins = (void *)(fake.file + lode_pins_offset(LODE_RING_BYTES_DEFAULT));
    uint8_t answer[64];
    fake_send(&fake, &grow, sizeof grow);
    pump();
    expect_eq(fake_receive(&fake, answer, sizeof answer, NULL), LODE_MSG_PINS);
    for (uint32_t slot = 0; slot < MANY_PINS; slot++) {
        atomic_store_explicit(&pins[slot], entry + 1, memory_order_relaxed);
    }
    atomic_store(&fake.header->pin_high, MANY_PINS);
    return fake;
}

static enum lode_found
asked_in_one_round(struct fake *fake, lode_id id)
{
    struct lode_msg_lookup ask = {.head = {.type = LODE_MSG_LOOKUP, .tag = 5}, .id = id};
    struct lode_msg_found found;
    fake_send(fake, &ask, sizeof ask);
    fake_round();
    expect_eq(fake_receive(fake, &found, sizeof found, NULL), LODE_MSG_FOUND);
    return (enum lode_found)found.status;
}

Test(freeing_in_parts, beside_millions_of_pins_lets_others_be_served_between_its_parts)
{
    enum { OBJECTS = 100 };
    struct fake maker = fake_attach(0), other = fake_attach(0), readers[MANY_READERS];
    lode_id ids[OBJECTS], kept = fake_put(&maker, "k", 1), taken = fake_put(&maker, "t", 1),
                          asked = fake_put(&maker, "a", 1);
    for (int i = 0; i < OBJECTS; i++) {
        ids[i] = fake_put(&maker, "x", 1);
    }
    fake_ring(&maker);
    for (int i = 0; i < MANY_READERS; i++) {
        readers[i] = attach_pinner(entry_of(kept));
    }
    for (int i = 0; i < OBJECTS; i++) {
        fake_drop(&maker, ids[i]);
    }
    fake_drop(&maker, kept);
    fake_drop(&maker, taken);
    fake_drop(&maker, asked);
    ring_drain(store, maker.session);
    freeing_turn(store);
    expect(freeing_is_under_way(store));
    expect_eq(state_of(kept), LODE_ENTRY_DOOMED);
    expect_eq(state_of(asked), LODE_ENTRY_DOOMED);
    expect_eq(asked_in_one_round(&other, asked), LODE_FOUND_SEALED);
    expect_eq(state_of(asked), LODE_ENTRY_SEALED); /* for the client that asked */
    fake_take(&other, taken);
    ring_drain(store, other.session);
    uint64_t rounds = 0;
    for (; freeing_is_under_way(store); rounds++) {
        asked_in_one_round(&other, taken);
    }
    expect_le(2, rounds);
    pump();
    expect_eq(state_of(ids[0]), LODE_ENTRY_FREE);
    expect_eq(state_of(ids[OBJECTS - 1]), LODE_ENTRY_FREE);
    expect_eq(state_of(asked), LODE_ENTRY_FREE);
    expect_eq(state_of(taken), LODE_ENTRY_SEALED);
    expect_eq(state_of(kept), LODE_ENTRY_WANTED);
    for (int i = 0; i < MANY_READERS; i++) {
        fake_die(&readers[i]);
    }
    expect_eq(state_of(kept), LODE_ENTRY_FREE);
    fake_die(&maker);
    fake_die(&other);
}

/* The mark of a request is reached when the batch with its candidates is over, and not before. */
Test(freeing_in_parts, of_a_batch_that_is_under_way_is_waited_for_by_who_asks_what_is_there)
{
    struct fake maker = fake_attach(0), asker = fake_attach(0), readers[MANY_READERS];
    struct lode_msg_head ask = {.type = LODE_MSG_STATS, .tag = 1};
    struct lode_msg_stats answer;
    lode_id kept = fake_put(&maker, "k", 1), id = fake_put(&maker, "x", 1);
    fake_ring(&maker);
    for (int i = 0; i < MANY_READERS; i++) {
        readers[i] = attach_pinner(entry_of(kept));
    }
    fake_drop(&maker, id);
    ring_drain(store, maker.session);
    freeing_turn(store);
    expect_eq(state_of(id), LODE_ENTRY_DOOMED);
    fake_send(&asker, &ask, sizeof ask);
    while (!fake_has_packet(&asker)) {
        fake_round();
    }
    expect_eq(fake_receive(&asker, &answer, sizeof answer, NULL), LODE_MSG_STATS_ARE);
    expect_eq(answer.stats.objects, 1);
    for (int i = 0; i < MANY_READERS; i++) {
        fake_die(&readers[i]);
    }
    fake_die(&maker);
    fake_die(&asker);
}

/* They are no objects: nothing of them is DOOMED. */
Test(freeing_in_parts, ends_its_turn_though_no_candidate_is_an_object)
{
    enum { IDS = 65000, IDS_OF_RING = 4000 };
    struct fake fake = fake_attach(0);
    for (uint64_t begun = 0; begun < IDS; begun += IDS_OF_RING) {
        uint64_t end = begun + IDS_OF_RING < IDS ? begun + IDS_OF_RING : IDS;
        for (uint64_t i = begun; i < end; i++) {
            fake_take(&fake, user(i + 1));
        }
        for (uint64_t i = begun; i < end; i++) { /* far behind their takes: pairs.h */
            fake_drop(&fake, user(i + 1));
        }
        ring_drain(store, fake.session);
    }
    expect_eq(store->table.candidate_count, IDS);
    store->turn_ns = 0; /* a turn that is long over */
    freeing_turn(store);
    expect_lt(0, store->table.candidate_count);
    pump();
    expect_eq(store->table.state_count[LODE_ENTRY_EXPECTED], 0);
    fake_die(&fake);
}

Test(freeing_in_parts, drains_many_full_rings_in_parts_for_who_asks_what_is_there)
{
    enum { SESSIONS = 48, RECORDS = 8000 };
    struct fake fakes[SESSIONS], asker = fake_attach(0), other = fake_attach(0);
    struct lode_msg_head ask = {.type = LODE_MSG_STATS, .tag = 1};
    struct lode_msg_stats answer;
    for (int i = 0; i < SESSIONS; i++) {
        fakes[i] = fake_attach(0);
        for (int n = 0; n < RECORDS; n += 2) {
            fake_take(&fakes[i], user(7));
            fake_drop(&fakes[i], user(7));
        }
    }
    uint64_t before = store->counts.ring_records;
    fake_send(&asker, &ask, sizeof ask);
    asked_in_one_round(&other, user(8));
    expect(!fake_has_packet(&asker));
    expect_lt(store->counts.ring_records, before + SESSIONS * RECORDS);
    pump();
    expect_eq(store->counts.ring_records, before + SESSIONS * RECORDS);
    expect_eq(fake_receive(&asker, &answer, sizeof answer, NULL), LODE_MSG_STATS_ARE);
    for (int i = 0; i < SESSIONS; i++) {
        fake_die(&fakes[i]);
    }
    fake_die(&asker);
    fake_die(&other);
}
