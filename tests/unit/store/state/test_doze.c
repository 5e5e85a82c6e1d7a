/* Sessions that doze: which do, what wakes them, and that nothing of theirs is lost meanwhile. */
#include "store/rings/asking.h"
#include "store/state/doze.h"
#include "store/state/pins.h"
#include "tests/unit/store/fake_client.h"

TestSuite(doze, .init = store_setup, .fini = store_teardown, .timeout = 60);

/* A batch that frees one object: after it the store looks who may doze. */
static void
batch(struct fake *putter)
{
    lode_id id = fake_put(putter, "x", 1);
    fake_drop(putter, id);
    fake_ring(putter);
    expect_eq(state_of(id), LODE_ENTRY_FREE);
}

/*
 * As much time has passed as a session must be quiet before it dozes. The first batch finds the
 * pins as they are now, and the second that they have not changed.
 */
static void
time_passes(struct fake *putter)
{
    for (int i = 0; i < 2; i++) {
        store->turn_ns =
            lode_now_ns() + (int64_t)(i + 1) * 10 * DOZE_AFTER_NS + store->doze_again_ns;
        batch(putter);
    }
}

static uint64_t
row_word(const struct fake *fake)
{
    return atomic_load(&store->table.rows[fake->row].session);
}

static void
expect_dozes(const struct fake *fake, bool dozes)
{
    expect_eq(fake->session->dozes, dozes);
    expect_eq(row_word(fake), dozes ? fake->number | LODE_ROW_DOZES : fake->number);
    expect(store_check(store));
}

/* What a client does whose row says that it dozes. */
static void
rings_only(struct fake *fake)
{
    expect(fake_bell(fake));
}

Test(doze, begins_for_a_quiet_client_that_rings_and_for_no_other)
{
    struct fake putter = fake_attach(0), quiet = fake_attach(LODE_HELLO_RINGS),
                old = fake_attach(0);
    struct fake busy = fake_attach(LODE_HELLO_RINGS);
    batch(&putter);
    expect_dozes(&quiet, false);
    store->turn_ns = lode_now_ns() + DOZE_AFTER_NS * 2;
    doze_stir(busy.session, store->turn_ns);
    batch(&putter);
    expect_dozes(&quiet, true);
    expect_dozes(&old, false);
    expect_dozes(&busy, false);
    expect_eq(store->awake_count, 3);
    fake_die(&quiet);
    fake_die(&old);
    fake_die(&busy);
    fake_die(&putter);
}

Test(doze, of_hundreds_leaves_the_walks_nothing_but_the_others)
{
    enum { MANY = 300 };
    static struct fake many[MANY];
    struct fake putter = fake_attach(0);
    for (int i = 0; i < MANY; i++) {
        many[i] = fake_attach(LODE_HELLO_RINGS);
    }
    for (int i = 0; i < 2 * MANY / DOZE_AT_ONCE + 2; i++) {
        time_passes(&putter);
    }
    expect_eq(store->doze_count, MANY);
    expect_eq(store->awake_count, 1);
    expect(store_check(store));
    rings_only(&many[7]); /* all at once: more than one look takes */
    for (int i = 0; i < MANY; i++) {
        rings_only(&many[i]);
    }
    doze_hear(store);
    expect_eq(store->doze_count, 0);
    for (int i = 0; i < MANY; i++) {
        fake_die(&many[i]);
    }
    fake_die(&putter);
}

Test(doze, ends_with_a_ring_and_the_record_is_applied)
{
    struct fake putter = fake_attach(0), quiet = fake_attach(LODE_HELLO_RINGS);
    time_passes(&putter);
    expect_dozes(&quiet, true);
    lode_id id = fake_put(&quiet, "y", 1);
    rings_only(&quiet);
    ring_drain_all(store); /* before the loop has looked at the doorbell */
    expect_eq(state_of(id), LODE_ENTRY_SEALED);
    expect_dozes(&quiet, false);
    fake_die(&quiet);
    fake_die(&putter);
}

Test(doze, does_not_hide_a_put_from_who_asks_for_it)
{
    struct fake putter = fake_attach(0), quiet = fake_attach(LODE_HELLO_RINGS);
    time_passes(&putter);
    lode_id id = fake_put(&quiet, "y", 1); /* its client has not rung yet */
    expect_eq(asking_status(store, id, NULL), LODE_FOUND_SEALED);
    expect_dozes(&quiet, false);
    fake_die(&quiet);
    fake_die(&putter);
}

Test(doze, does_not_begin_for_a_client_that_has_published_or_is_about_to_pin)
{
    struct fake putter = fake_attach(0), publishes = fake_attach(LODE_HELLO_RINGS);
    struct fake pins = fake_attach(LODE_HELLO_RINGS);
    time_passes(&putter);
    expect_dozes(&publishes, true);
    expect_dozes(&pins, true);
    doze_wake(store, publishes.session);
    doze_wake(store, pins.session);
    store->turn_ns += 2 * DOZE_AFTER_NS;
    fake_put(&publishes, "z", 1);
    fake_pin(&pins, 0, 5000); /* of no sealed entry: it is cleared in a moment */
    doze_settle(store);
    expect_dozes(&publishes, false);
    expect_dozes(&pins, false);
    fake_die(&pins);
    fake_die(&publishes);
    fake_die(&putter);
}

Test(doze, keeps_what_was_pinned_and_a_release_without_a_word_is_found)
{
    struct fake putter = fake_attach(0), reader = fake_attach(LODE_HELLO_RINGS);
    lode_id id = fake_put(&putter, "k", 1);
    fake_ring(&putter);
    fake_pin(&reader, 3, entry_of(id) + 1);
    time_passes(&putter);
    expect_dozes(&reader, true);
    expect_eq(store->kept[entry_of(id)], 1);
    fake_drop(&putter, id);
    fake_ring(&putter);
    expect_eq(state_of(id), LODE_ENTRY_WANTED);
    expect_dozes(&reader, false); /* it was looked at again: a RELEASED will come */
    time_passes(&putter);
    expect_dozes(&reader, true);
    fake_pin(&reader, 3, 0); /* and this one is told to nobody: the entry is sealed */
    candidate_add(&store->table, entry_of(id));
    pump();
    expect_eq(state_of(id), LODE_ENTRY_FREE);
    fake_die(&reader);
    fake_die(&putter);
}

/*
 * The client takes a reference, and clears its pin. The batch that is under way has believed the
 * copy of the pin: it must see the reference or believe the copy to its end.
 */
static void
hands_over_in(int phase)
{
    struct fake putter = fake_attach(0), reader = fake_attach(LODE_HELLO_RINGS);
    lode_id id = fake_put(&putter, "k", 1);
    fake_ring(&putter);
    fake_pin(&reader, 0, entry_of(id) + 1);
    time_passes(&putter);
    expect_dozes(&reader, true);
    uint32_t entry = entry_of(id);
    fake_drop(&putter, id);
    ring_drain(store, putter.session);
    object_become(&store->table, entry, LODE_ENTRY_SEALED, LODE_ENTRY_DOOMED);
    store->table.truths[entry].flags |= TRUTH_SCANNED;
    store->batch = (struct batch){.phase = phase, .victims = {entry}, .count = 1};
    fake_take(&reader, id);
    rings_only(&reader);
    fake_pin(&reader, 0, 0);
    doze_hear(store);
    expect(!reader.session->dozes);
    expect(store->table.truths[entry].flags & TRUTH_PINNED);
    pump();
    expect_eq(state_of(id), LODE_ENTRY_SEALED);
    expect_eq(store->table.truths[entry].refs, 1);
    fake_drop(&reader, id);
    fake_ring(&reader);
    fake_die(&reader);
    fake_die(&putter);
}

Test(doze, that_ends_during_a_batch_changes_nothing_that_the_batch_believed)
{
    hands_over_in(BATCH_SCAN);
    hands_over_in(BATCH_DRAIN);
    hands_over_in(BATCH_JUDGE);
}

/* The last scan asks who will tell of a release, and sees the pins as they are. */
Test(doze, that_ends_during_the_last_scan_shows_the_pins_as_they_are)
{
    struct fake putter = fake_attach(0), reader = fake_attach(LODE_HELLO_RINGS);
    lode_id id = fake_put(&putter, "k", 1);
    fake_ring(&putter);
    fake_pin(&reader, 0, entry_of(id) + 1);
    time_passes(&putter);
    expect_dozes(&reader, true);
    uint32_t entry = entry_of(id);
    store->table.truths[entry].flags |= TRUTH_SCANNED;
    store->batch.phase = BATCH_WAKE;
    fake_pin(&reader, 0, 0);
    uint32_t left = store->keeper_count, most = 1;
    expect(doze_wake_keepers(store, &left, &most));
    expect(!reader.session->dozes);
    expect(!(store->table.truths[entry].flags & TRUTH_PINNED));
    store->table.truths[entry].flags &= ~(uint32_t)TRUTH_SCANNED;
    store->batch.phase = BATCH_NONE;
    fake_die(&reader);
    fake_die(&putter);
}

Test(doze, of_a_client_that_dies_or_breaks_a_rule_or_leaves_ends_with_it)
{
    struct fake putter = fake_attach(0), dies = fake_attach(LODE_HELLO_RINGS);
    struct fake lives = fake_attach(LODE_HELLO_RINGS), breaks = fake_attach(LODE_HELLO_RINGS);
    lode_id id = fake_put(&putter, "k", 1);
    fake_ring(&putter);
    fake_pin(&lives, 0, entry_of(id) + 1);
    fake_pin(&dies, 0, entry_of(id) + 1);
    time_passes(&putter);
    expect_eq(store->doze_count, 3);
    fake_send(&breaks, "?", 1);
    pump();
    expect(fake_is_cut(&breaks));
    fake_die(&dies);
    expect(fake_end(&lives, true)); /* it lingers: its pin counts */
    expect_eq(store->doze_count, 0);
    expect_eq(store->kept_count, 0);
    expect_eq(store->lingering_count, 1);
    fake_drop(&putter, id);
    fake_ring(&putter);
    expect_eq(state_of(id), LODE_ENTRY_WANTED);
    fake_die(&breaks);
    fake_die(&putter);
}

static uint64_t
pins_of(struct fake *asks, lode_id id)
{
    static uint8_t answer[LODE_STORE_PACKET_MAX];
    struct lode_msg_lookup ask = {.head = {.type = LODE_MSG_STAT, .tag = 2}, .id = id};
    lode_object_info info;
    fake_send(asks, &ask, sizeof ask);
    socket_ready(asks->session); /* alone: before the loop has looked at a doorbell */
    expect_eq(fake_receive(asks, answer, sizeof answer, NULL), LODE_MSG_INFO);
    memcpy(&info, answer + sizeof(struct lode_msg_list), sizeof info);
    return info.pins;
}

Test(doze, with_pins_shows_them_to_who_counts_them_as_they_are)
{
    struct fake putter = fake_attach(0), reader = fake_attach(LODE_HELLO_RINGS),
                other = fake_attach(LODE_HELLO_RINGS);
    lode_id id = fake_put(&putter, "k", 1), second = fake_put(&putter, "l", 1);
    fake_ring(&putter);
    fake_pin(&reader, 0, entry_of(second) + 1);
    fake_pin(&reader, 3, entry_of(id) + 1);
    fake_pin(&reader, 5, entry_of(id) + 1);
    fake_pin(&other, 0, entry_of(id) + 1);
    time_passes(&putter);
    expect_dozes(&reader, true);
    expect_dozes(&other, true);
    expect_eq(store->keeper_count, 2);
    expect_eq(pins_of(&putter, id), 3);
    expect_eq(pins_of(&putter, second), 1);
    fake_pin(&reader, 5, 0); /* told to nobody */
    expect_eq(pins_of(&putter, id), 2);
    fake_pin(&reader, 3, 0);
    fake_pin(&other, 0, 0);
    expect_eq(pins_of(&putter, id), 0);
    expect_dozes(&reader, true);
    expect_dozes(&other, true);
    fake_die(&reader);
    fake_die(&other);
    fake_die(&putter);
}

Test(doze, does_not_hide_a_new_pin_from_who_counts_pins)
{
    struct fake putter = fake_attach(0), reader = fake_attach(LODE_HELLO_RINGS);
    lode_id id = fake_put(&putter, "k", 1);
    fake_ring(&putter);
    time_passes(&putter);
    expect_dozes(&reader, true);
    fake_pin(&reader, 0, entry_of(id) + 1);
    rings_only(&reader);
    expect_eq(pins_of(&putter, id), 1);
    expect_dozes(&reader, false);
    fake_die(&reader);
    fake_die(&putter);
}

/* Such a pin is of no get that has returned, or its client would have rung. */
Test(doze, without_a_pin_spares_who_counts_pins_a_look_at_the_file)
{
    struct fake putter = fake_attach(0), reader = fake_attach(LODE_HELLO_RINGS),
                keeps = fake_attach(LODE_HELLO_RINGS);
    lode_id id = fake_put(&putter, "k", 1), kept = fake_put(&putter, "l", 1);
    fake_ring(&putter);
    fake_pin(&keeps, 0, entry_of(kept) + 1);
    time_passes(&putter);
    expect_dozes(&reader, true);
    fake_pin(&reader, 0, entry_of(id) + 1);
    fake_pin(&keeps, 1, entry_of(id) + 1);
    expect_eq(pins_of(&putter, id), 0);
    expect_eq(pins_of(&putter, kept), 1);
    fake_die(&reader);
    fake_die(&keeps);
    fake_die(&putter);
}

/* As many leave the list of those that keep something as came into it, in any order. */
Test(doze, of_many_with_pins_ends_in_any_order)
{
    enum { MANY = 40 };
    struct fake many[MANY], putter = fake_attach(0);
    lode_id ids[MANY];
    for (int i = 0; i < MANY; i++) {
        many[i] = fake_attach(LODE_HELLO_RINGS);
        ids[i] = fake_put(&putter, "k", 1);
        fake_ring(&putter);
        fake_pin(&many[i], 0, entry_of(ids[i]) + 1);
    }
    time_passes(&putter);
    expect_eq(store->keeper_count, MANY);
    expect(store_check(store));
    for (int i = 0; i < MANY; i += 3) { /* the batches wake who keeps their victims */
        fake_drop(&putter, ids[i]);
    }
    fake_ring(&putter);
    for (int i = 0; i < MANY; i++) {
        expect_eq(many[i].session->dozes, i % 3 != 0);
        expect_eq(state_of(ids[i]), i % 3 == 0 ? LODE_ENTRY_WANTED : LODE_ENTRY_SEALED);
    }
    expect(store_check(store));
    for (int i = 0; i < MANY; i++) {
        fake_die(&many[i * 7 % MANY]);
        expect(store_check(store));
    }
    expect_eq(store->keeper_count, 0);
    fake_die(&putter);
}

Test(doze, begins_where_nothing_is_freed)
{
    struct fake putter = fake_attach(0), quiet = fake_attach(LODE_HELLO_RINGS);
    expect_dozes(&quiet, false);
    store->turn_ns = lode_now_ns() + DOZE_AFTER_NS * 2;
    store_settle(store, false);
    expect_dozes(&quiet, true);
    fake_die(&quiet);
    fake_die(&putter);
}
