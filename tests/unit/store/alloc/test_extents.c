/* The free stretches of a segment: joined, cut, found by place and by length. */
#include "store/alloc/extents.h"
#include "tests/support/check.h"

#include <criterion/criterion.h>

enum { MOST = 64 };

static struct extents extents;

static void
setup(void)
{
    must(extents_init(&extents, MOST));
}

static void
teardown(void)
{
    expect(extents_check(&extents));
    extents_fini(&extents);
}

TestSuite(extents, .init = setup, .fini = teardown);

Test(extents, of_one_temperature_that_touch_become_one)
{
    extents_add(&extents, 10, 5, true);
    extents_add(&extents, 20, 5, true);
    expect_eq(extents.count, 2);
    extents_add(&extents, 15, 5, true); /* both neighbours */
    expect_eq(extents.count, 1);
    expect_eq(extents_from(&extents, 0)->page, 10);
    expect_eq(extents_from(&extents, 0)->count, 15);
}

Test(extents, of_two_temperatures_stay_two)
{
    extents_add(&extents, 0, 10, true);
    extents_add(&extents, 10, 10, false);
    extents_add(&extents, 20, 10, true);
    expect_eq(extents.count, 3);
    expect_eq(extents.free, 30);
    expect_eq(extents_longest(&extents, true)->count, 10);
    expect_eq(extents_fit(&extents, 1, false)->page, 10);
}

Test(extents, that_fit_are_the_shortest_and_of_these_the_first)
{
    extents_add(&extents, 0, 30, true);
    extents_add(&extents, 40, 8, true);
    extents_add(&extents, 50, 8, true);
    extents_add(&extents, 60, 5, true);
    expect_eq(extents_fit(&extents, 6, true)->page, 40);
    expect_eq(extents_longer(&extents, extents_fit(&extents, 6, true))->page, 50);
    expect_eq(extents_fit(&extents, 9, true)->page, 0);
    expect(extents_fit(&extents, 31, true) == NULL);
    expect(extents_fit(&extents, 1, false) == NULL);
}

Test(extents, are_cut_from_the_front_and_stay_in_both_orders)
{
    extents_add(&extents, 0, 4, true);
    extents_add(&extents, 10, 20, true);
    struct extent *large = extents_from(&extents, 10);
    expect_eq(extents_cut(&extents, large, 18), 10);
    expect_eq(large->page, 28);
    expect(extents_fit(&extents, 1, true) == large); /* the shorter one now */
    expect(extents_below(&extents, 29) == large);
    expect_eq(extents_cut(&extents, large, 2), 28);
    expect_eq(extents.count, 1);
    expect_eq(extents.free, 4);
}

Test(extents, are_cut_from_the_end_and_stay_in_both_orders)
{
    extents_add(&extents, 0, 4, true);
    extents_add(&extents, 10, 20, true);
    struct extent *large = extents_from(&extents, 10);
    expect_eq(extents_cut_end(&extents, large, 18), 12);
    expect_eq(large->page, 10);
    expect(extents_fit(&extents, 1, true) == large); /* the shorter one now */
    expect(extents_below(&extents, 11) == large);
    extents_add(&extents, 12, 1, true); /* touches it still */
    expect_eq(extents.count, 2);
    expect_eq(extents_cut_end(&extents, extents_from(&extents, 10), 3), 10);
    expect_eq(extents.count, 1);
    expect_eq(extents.free, 4);
}

/* A warm one of fewer than PAGES_SPEND_MAX pages cannot be promised to anybody. */
Test(extents, weigh_what_can_be_spent_of_them)
{
    extents_add(&extents, 0, PAGES_SPEND_MAX - 1, true);
    expect_eq(extents.servable, 0);
    extents_add(&extents, PAGES_SPEND_MAX - 1, 1, true);
    expect_eq(extents.servable, 1);
    extents_add(&extents, 100, 1000, false);
    expect_eq(extents.servable, 1);
    extents_remove(&extents, extents_from(&extents, 0));
    expect_eq(extents.servable, 0);
    expect_eq(extents.free, 1000);
}

Test(extents, as_many_as_there_can_be_and_again)
{
    for (int round = 0; round < 3; round++) {
        for (uint64_t i = 0; i < MOST; i++) {
            extents_add(&extents, 2 * i, 1, true);
        }
        expect_eq(extents.count, MOST);
        while (extents_from(&extents, 0) != NULL) {
            extents_remove(&extents, extents_from(&extents, 0));
        }
    }
}
