#include "worker/runtime/sleeping.h"

#include <criterion/criterion.h>

static struct sleeping sleeping;
static uint32_t workers;

Test(sleeping, the_call_that_is_meant_gives_up)
{
    uint64_t call = sleeping_set(&sleeping, true);
    cr_assert(!sleeping_gives_up(&sleeping, &workers));
    sleeping_give_up(&sleeping, call, 5);
    cr_assert(sleeping_gives_up(&sleeping, &workers));
    cr_assert_eq(workers, 5);
}

Test(sleeping, what_comes_too_late_meets_no_later_call)
{
    uint64_t call = sleeping_set(&sleeping, true);
    (void)sleeping_set(&sleeping, false);
    sleeping_give_up(&sleeping, call, 5);
    cr_assert(!sleeping_gives_up(&sleeping, &workers), "a call that is about to sleep");
    cr_assert_neq(sleeping_set(&sleeping, true), call);
    cr_assert(!sleeping_gives_up(&sleeping, &workers));
}

Test(sleeping, a_call_that_gave_up_leaves_nothing_to_the_next_one)
{
    sleeping_give_up(&sleeping, sleeping_set(&sleeping, true), 5);
    (void)sleeping_set(&sleeping, false);
    cr_assert(!sleeping_gives_up(&sleeping, &workers));
    (void)sleeping_set(&sleeping, true);
    cr_assert(!sleeping_gives_up(&sleeping, &workers));
}
