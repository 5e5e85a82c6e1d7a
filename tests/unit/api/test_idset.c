/* The ids of a wait set, against a plain list of them. */
#include "api/client/waitset/idset.h"
#include "api/layout/id.h"

#include <criterion/criterion.h>
#include <stdlib.h>
#include <string.h>

#include "tests/support/check.h"

static struct lode_idset set;

static void
begin(void)
{
    set = (struct lode_idset){.hash_key = {12345, 67890}};
}

static void
end(void)
{
    lode_idset_clear(&set);
}

TestSuite(idset, .init = begin, .fini = end);

static lode_id
id_of(uint64_t n)
{
    return lode_id_make(n % 3 == 0 ? LODE_ID_RESULT : LODE_ID_USER, n % 3 == 0, n + 1);
}

static bool
add(uint64_t n)
{
    must(lode_idset_reserve(&set, 1));
    return lode_idset_add(&set, id_of(n));
}

Test(idset, hands_out_what_is_ready_in_the_order_in_which_it_became_so)
{
    for (uint64_t n = 0; n < 100; n++) {
        expect(add(n));
    }
    expect(!add(5));
    expect_eq(set.count, 100);
    expect_eq(set.result_count, 34);
    for (uint64_t n = 100; n-- > 50;) {
        expect(lode_idset_ready(&set, id_of(n)));
        expect(!lode_idset_ready(&set, id_of(n)));
    }
    expect(!lode_idset_ready(&set, id_of(1000)));
    expect(lode_idset_remove(&set, id_of(99)));
    expect(lode_idset_remove(&set, id_of(70)));
    expect(lode_idset_remove(&set, id_of(50)));
    expect(!lode_idset_remove(&set, id_of(50)));
    for (uint64_t n = 99; n-- > 51;) {
        if (n != 70) {
            expect(lode_id_same(lode_idset_take(&set), id_of(n)));
        }
    }
    expect_eq(set.ready_count, 0);
    expect_eq(set.count, 50);
    expect_eq(set.result_count, 17);
    expect_eq(lode_id_kind(lode_idset_result(&set)), LODE_ID_RESULT);
    expect(add(99)); /* again */
}

/* 0: not in it, 1: awaited, 2: ready. */
Test(idset, is_what_a_list_is_after_any_changes)
{
    enum { IDS = 500, STEPS = 200000 };
    static uint8_t model[IDS];
    uint32_t counts[3] = {IDS, 0, 0};
    uint64_t random = 88172645463325252;
    for (int i = 0; i < STEPS; i++) {
        random ^= random << 13;
        random ^= random >> 7;
        random ^= random << 17;
        uint64_t n = random / 8 % IDS;
        uint8_t before = model[n];
        switch (random % 4) {
        case 0:
        case 1:
            expect_eq(add(n), before == 0);
            model[n] = before == 0 ? 1 : before;
            break;
        case 2:
            expect_eq(lode_idset_ready(&set, id_of(n)), before == 1);
            model[n] = before == 1 ? 2 : before;
            break;
        default:
            expect_eq(lode_idset_remove(&set, id_of(n)), before != 0);
            model[n] = 0;
        }
        counts[before]--;
        counts[model[n]]++;
        expect_eq(set.count, counts[1] + counts[2]);
        expect_eq(set.ready_count, counts[2]);
        if (counts[2] > IDS / 4) {
            lode_id id = lode_idset_take(&set);
            uint64_t taken = lode_id_low(id) - 1;
            expect_eq(model[taken], 2);
            model[taken] = 0;
            counts[2]--;
            counts[0]++;
        }
    }
}
