/*
 * Gets of what is in the index; the test is the store that ends the session, or that waits for the
 * end of a pin.
 * ctest: wrap lode_store_owe
 */
#include "api/client/store/get.h"

#include "api/client/session/session.h"

#include "tests/support/steps.h"
#include "tests/unit/api/fake_index.h"

#include <criterion/criterion.h>

enum { NUMBER = 4242, PINS = 64 };

static struct fake_index fake;
static lode db;
static _Atomic uint32_t pins[PINS];
static lode_id id;

static void
setup(void)
{
    fake = fake_index_make();
    memset(&db, 0, sizeof db);
    memset((void *)pins, 0, sizeof pins);
    lode_index_view_init(&db.index, fake.base, NUMBER % LODE_SESSION_ROWS);
    db.pins = pins;
    db.serial = 1;
    db.number = NUMBER;
    db.row = &fake.rows[NUMBER % LODE_SESSION_ROWS];
    db.file = calloc(1, LODE_RING_OFFSET);
    cr_assert_eq(lode_pin_slots_init(&db.pin_slots, &db.file->pin_high, PINS), LODE_OK);
    fake.rows[NUMBER % LODE_SESSION_ROWS].session = NUMBER;
    id = lode_id_make(LODE_ID_PUT, 1, 1);
    struct lode_entry *entry = fake_index_add(&fake, 7, id, LODE_ENTRY_SEALED);
    entry->extent = LODE_EXTENT_INLINE;
    entry->size = 3;
    memcpy(entry->u.bytes, "abc", 3);
}

static void
teardown(void)
{
    lode_pin_slots_fini(&db.pin_slots);
    free(db.file);
    fake_index_free(&fake);
}

TestSuite(get, .init = setup, .fini = teardown);

Test(get, what_is_there_is_pinned_until_it_is_released)
{
    lode_view view;
    cr_assert_eq(lode_get(&db, id, 0, &view), LODE_OK);
    cr_assert_arr_eq(view.data, "abc", 3);
    cr_assert_not(lode_pins_all_clear(&db.pin_slots, pins));
    lode_release(&view);
    cr_assert(lode_pins_all_clear(&db.pin_slots, pins));
}

/* The store looks at no pin of such a session: the bytes may be another object's at any moment. */
static void
expect_refused(uint64_t row_says)
{
    fake.rows[NUMBER % LODE_SESSION_ROWS].session = row_says;
    for (int i = 0; i < 2 * PINS; i++) { /* no slot is lost by it */
        lode_view view;
        cr_assert_eq(lode_get(&db, id, 0, &view), LODE_EDOWN);
        cr_assert(lode_pins_all_clear(&db.pin_slots, pins));
    }
    cr_assert_eq(lode_session_check(&db), LODE_EDOWN);
}

Test(get, a_session_that_the_store_has_ended_gets_nothing)
{
    expect_refused(0);
}

Test(get, a_session_whose_row_is_another_ones_gets_nothing)
{
    expect_refused(NUMBER + LODE_SESSION_ROWS);
}

Test(get, a_view_from_before_the_end_is_released_as_ever)
{
    lode_view view;
    cr_assert_eq(lode_get(&db, id, 0, &view), LODE_OK);
    fake.rows[NUMBER % LODE_SESSION_ROWS].session = 0;
    cr_assert_arr_eq(view.data, "abc", 3);
    lode_release(&view);
    cr_assert(lode_pins_all_clear(&db.pin_slots, pins));
}

/* ---- a pin that does not hold ---- */

static uint64_t waits_at; /* after so many instructions */
static bool waits;
static int told; /* RELEASED */

void __wrap_lode_store_owe(struct lode_store_socket *at, const void *packet, size_t size,
                           int64_t deadline);

void
__wrap_lode_store_owe(struct lode_store_socket *at, const void *packet, size_t size,
                      int64_t deadline)
{
    const struct lode_msg_released *msg = packet;
    (void)at, (void)deadline;
    cr_assert_eq(size, sizeof *msg);
    cr_assert_eq(msg->head.type, LODE_MSG_RELEASED);
    cr_assert_eq(msg->entry, 7);
    cr_assert_eq(msg->generation, lode_word_generation(fake.entries[7].word));
    told++;
}

/* A batch of freeing: nobody finds the object any more, and it is freed if no pin is seen. */
static void
free_unless_pinned(uint64_t step)
{
    struct lode_entry *entry = &fake.entries[7];
    uint64_t generation = lode_word_generation(entry->word);
    uint64_t home = lode_table_probe(fake.header->table, lode_id_hash(id, fake.view.hash_key), 0);
    if (step != waits_at) {
        return;
    }
    steps_enough();
    fake.slots[home] = LODE_TABLE_TOMBSTONE;
    waits = !lode_pins_all_clear(&db.pin_slots, pins);
    entry->word = waits ? lode_word_make(generation, LODE_ENTRY_WANTED)
                        : lode_word_make(generation + 1, LODE_ENTRY_FREE);
}

static lode_err
pin_meanwhile(struct lode_pinned *pinned_out)
{
    uint64_t hash = lode_id_hash(id, fake.view.hash_key);
    fake.slots[lode_table_probe(fake.header->table, hash, 0)] = lode_slot_make(hash, 7);
    fake.entries[7].word =
        lode_word_make(lode_word_generation(fake.entries[7].word), LODE_ENTRY_SEALED);
    told = 0;
    waits = false;
    steps_on(free_unless_pinned);
    lode_err err = lode_pin(&db, id, hash, LODE_NEVER, pinned_out);
    steps_off();
    return err;
}

Test(get, that_finds_its_pin_did_not_hold_tells_the_store_that_waits_for_its_end)
{
    struct lode_pinned pinned;
    int owed = 0, kept = 0;
    bool met = STEPS_WORK;
    for (waits_at = 1; met; waits_at++) {
        lode_err err = pin_meanwhile(&pinned);
        met = steps_count >= waits_at;
        cr_assert_eq(told, err != LODE_OK && waits, "%llu", (unsigned long long)waits_at);
        owed += told;
        if (err == LODE_OK) {
            lode_unpin(&db, &pinned);
            cr_assert_eq(told, waits);
            kept += told;
        }
        cr_assert(lode_pins_all_clear(&db.pin_slots, pins));
    }
    cr_assert(!STEPS_WORK || (owed > 0 && kept > 0), "%d %d", owed, kept);
}
