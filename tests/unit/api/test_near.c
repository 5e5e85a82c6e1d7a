#include "api/client/channel/near.h"

#include <criterion/criterion.h>

static struct lode_near near;

static void
setup(void)
{
    near = (struct lode_near){0};
}

TestSuite(near, .init = setup);

static lode_id
id_of(uint64_t session, uint64_t counter)
{
    return lode_id_make(LODE_ID_PUT, session, counter);
}

Test(near, nothing_is_guessed_before_two_neighbours_lay_alike)
{
    uint32_t entry;
    cr_assert_not(lode_near_guess(&near, id_of(7, 1), &entry));
    lode_near_note(&near, id_of(7, 1), 501);
    cr_assert_not(lode_near_guess(&near, id_of(7, 2), &entry));
    lode_near_note(&near, id_of(7, 9), 509);
    cr_assert(lode_near_guess(&near, id_of(7, 4095), &entry));
    cr_assert_eq(entry, 4595);
}

Test(near, one_wrong_guess_ends_the_guesses)
{
    uint32_t entry;
    lode_near_note(&near, id_of(7, 1), 501);
    lode_near_note(&near, id_of(7, 2), 502);
    lode_near_note(&near, id_of(7, 3), 9);
    cr_assert_not(lode_near_guess(&near, id_of(7, 4), &entry));
}

Test(near, entries_may_lie_below_the_ids_numbers)
{
    uint32_t entry;
    lode_near_note(&near, id_of(7, 1000000001), 1);
    lode_near_note(&near, id_of(7, 1000000002), 2);
    cr_assert(lode_near_guess(&near, id_of(7, 1000000003), &entry));
    cr_assert_eq(entry, 3);
}

Test(near, other_ids_and_other_sessions_have_guesses_of_their_own)
{
    uint32_t entry;
    lode_near_note(&near, id_of(7, 1), 501);
    lode_near_note(&near, id_of(7, 2), 502);
    cr_assert_not(lode_near_guess(&near, id_of(8, 3), &entry));
    cr_assert_not(lode_near_guess(&near, id_of(7, 3 + LODE_NEAR_IDS), &entry));
    cr_assert_not(lode_near_guess(&near, lode_id_reserve(7, 3), &entry));
    cr_assert_not(lode_near_guess(&near, lode_id_make(LODE_ID_RESULT, 7, 3), &entry));
}

/* Whatever was noted: the caller does no more than a multiplication with it. */
Test(near, a_guess_is_the_number_of_an_entry_that_there_can_be)
{
    uint32_t entry;
    lode_near_note(&near, id_of(7, 0), LODE_ENTRY_MAX - 1);
    lode_near_note(&near, id_of(7, 0), LODE_ENTRY_MAX - 1);
    cr_assert(lode_near_guess(&near, id_of(7, 100), &entry));
    cr_assert_lt(entry, LODE_ENTRY_MAX);
}
