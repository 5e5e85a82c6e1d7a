#include "api/client/session/pin_slots.h"

#include <criterion/criterion.h>
#include <pthread.h>
#include <stdlib.h>

enum { LIMIT = 64, THREADS = 4, ROUNDS = 20000 };

static struct lode_pin_slots slots;
static _Atomic uint32_t high;

static void
setup(void)
{
    high = 0;
    cr_assert_eq(lode_pin_slots_init(&slots, &high, LIMIT), LODE_OK);
}

static void
teardown(void)
{
    lode_pin_slots_fini(&slots);
}

TestSuite(pin_slots, .init = setup, .fini = teardown);

Test(pin_slots, each_is_handed_out_once_and_high_covers_it)
{
    bool seen[LIMIT] = {false};
    for (int i = 0; i < LIMIT; i++) {
        int64_t slot = lode_pin_slots_take(&slots);
        cr_assert(slot >= 0 && slot < LIMIT && !seen[slot]);
        cr_assert_gt(high, slot);
        seen[slot] = true;
    }
    cr_assert_eq(lode_pin_slots_take(&slots), -1);
    slots.limit = LIMIT + 1;
    cr_assert_eq(lode_pin_slots_take(&slots), LIMIT);
}

Test(pin_slots, what_came_back_last_goes_out_first)
{
    int64_t a = lode_pin_slots_take(&slots), b = lode_pin_slots_take(&slots);
    lode_pin_slots_give(&slots, (uint32_t)a);
    lode_pin_slots_give(&slots, (uint32_t)b);
    cr_assert_eq(lode_pin_slots_take(&slots), b);
    cr_assert_eq(lode_pin_slots_take(&slots), a);
    cr_assert_eq(high, 2, "no fresh slot is used while others are free");
}

static _Atomic uint32_t owner[LIMIT];
static _Atomic uint32_t clashes;

static void *
take_and_give(void *arg)
{
    uint32_t me = (uint32_t)(uintptr_t)arg;
    for (int i = 0; i < ROUNDS; i++) {
        int64_t slot = lode_pin_slots_take(&slots);
        if (slot < 0) {
            continue;
        }
        if (atomic_exchange(&owner[slot], me) != 0) {
            clashes++;
        }
        atomic_store(&owner[slot], 0);
        lode_pin_slots_give(&slots, (uint32_t)slot);
    }
    return NULL;
}

Test(pin_slots, no_slot_has_two_owners)
{
    pthread_t threads[THREADS];
    for (uintptr_t i = 0; i < THREADS; i++) {
        pthread_create(&threads[i], NULL, take_and_give, (void *)(i + 1));
    }
    for (int i = 0; i < THREADS; i++) {
        pthread_join(threads[i], NULL);
    }
    cr_assert_eq(clashes, 0);
    cr_assert_leq(high, THREADS);
}

Test(pin_slots, all_clear_looks_at_every_slot_in_use)
{
    _Atomic uint32_t pins[LIMIT] = {0};
    int64_t a = lode_pin_slots_take(&slots), b = lode_pin_slots_take(&slots);
    cr_assert(lode_pins_all_clear(&slots, pins));
    pins[b] = 5;
    cr_assert_not(lode_pins_all_clear(&slots, pins));
    pins[b] = 0;
    pins[a] = 5;
    cr_assert_not(lode_pins_all_clear(&slots, pins));
}
