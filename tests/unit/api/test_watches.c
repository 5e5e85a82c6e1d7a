/* The watches of a session: one of many is found without a look at the others. */
#include "api/client/channel/watches.h"

#include <criterion/criterion.h>
#include <stdlib.h>

enum { MANY = 10000 };

static struct lode_watches watches;
static struct lode_watch *many;

static void
begin(void)
{
    watches = (struct lode_watches){.count = 0};
    many = calloc(MANY, sizeof *many);
    for (uint64_t i = 0; i < MANY; i++) {
        many[i].cookie = i + 1;
        lode_watches_add(&watches, &many[i]);
    }
}

static void
end(void)
{
    lode_watches_fini(&watches);
    free(many);
}

TestSuite(watches, .init = begin, .fini = end);

static void
remove_all(void)
{
    for (uint64_t i = 0; i < MANY; i++) {
        lode_watches_remove(&watches, &many[i]);
    }
}

Test(watches, one_of_ten_thousand_is_found_at_the_first_or_second_look)
{
    for (uint64_t i = 0; i < MANY; i++) {
        cr_assert_eq(lode_watches_find(&watches, i + 1), &many[i]);
    }
    cr_assert_leq(watches.looked_at, 2 * MANY);
    remove_all();
}

Test(watches, one_that_was_removed_or_never_added_is_not_found)
{
    for (uint64_t i = 0; i < MANY; i += 2) {
        lode_watches_remove(&watches, &many[i]);
    }
    for (uint64_t i = 0; i < MANY; i++) {
        cr_assert_eq(lode_watches_find(&watches, i + 1), i % 2 == 0 ? NULL : &many[i]);
    }
    cr_assert_null(lode_watches_find(&watches, 0));
    cr_assert_null(lode_watches_find(&watches, MANY + 1));
    cr_assert_null(lode_watches_find(&watches, UINT64_MAX));
    for (uint64_t i = 1; i < MANY; i += 2) {
        lode_watches_remove(&watches, &many[i]);
    }
}

Test(watches, those_that_share_a_place_are_told_apart)
{
    struct lode_watch others[3];
    remove_all();
    for (uint64_t i = 0; i < 3; i++) {
        others[i] = (struct lode_watch){.cookie = 5 + (i << 32)};
        lode_watches_add(&watches, &others[i]);
    }
    lode_watches_remove(&watches, &others[1]);
    cr_assert_eq(lode_watches_find(&watches, 5), &others[0]);
    cr_assert_null(lode_watches_find(&watches, 5 + (UINT64_C(1) << 32)));
    cr_assert_eq(lode_watches_find(&watches, 5 + (UINT64_C(2) << 32)), &others[2]);
    lode_watches_remove(&watches, &others[0]);
    lode_watches_remove(&watches, &others[2]);
}
