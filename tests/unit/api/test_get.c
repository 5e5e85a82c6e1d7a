/* Gets of what is in the index; the test is the store that ends the session. */
#include "api/client/store/get.h"

#include "api/client/session/session.h"

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
