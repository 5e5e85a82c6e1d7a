/* How long a call waits: for what it wants, and for the store's answers. */
#include "api/client/channel/patience.h"

#include <criterion/criterion.h>

enum { SECOND = 1000000000 };

Test(patience, forever_waits_for_answers_as_long_as_the_store_lives)
{
    struct lode_patience p = lode_patience_of(LODE_FOREVER);
    cr_assert_eq(p.deadline, LODE_NEVER);
    cr_assert_eq(p.answer_by, LODE_NEVER);
    cr_assert_eq(lode_patience_anew(&p), LODE_NEVER);
    cr_assert_eq(lode_patience_for_bytes(&p, 1), LODE_NEVER);
    p = lode_patience_of(INT64_MAX);
    cr_assert_eq(p.answer_by, LODE_NEVER);
}

Test(patience, a_call_with_a_timeout_waits_a_second_longer_for_an_answer)
{
    struct lode_patience p = lode_patience_of(200);
    cr_assert_eq(p.answer_by - p.deadline, SECOND);
}

Test(patience, a_call_that_waits_for_nothing_waits_five_seconds_for_an_answer)
{
    struct lode_patience p = lode_patience_of(0);
    cr_assert_eq(p.answer_by - p.deadline, INT64_C(5) * SECOND);
}

/* Its memory takes the system time: a create of some GiB must not fail beside a store that runs. */
Test(patience, large_bytes_have_a_second_more_for_each_64_mib)
{
    struct lode_patience p = lode_patience_of(0);
    cr_assert_eq(lode_patience_for_bytes(&p, UINT64_C(1) << 30) - p.answer_by,
                 INT64_C(16384) * 1000000);
    cr_assert_geq(lode_patience_for_bytes(&p, UINT64_MAX), p.answer_by);
}

/* The copy of a put took a minute: the store has not had its time yet. */
Test(patience, what_the_call_itself_did_is_not_the_stores_delay)
{
    int64_t now = lode_now_ns();
    struct lode_patience p = {.timeout_ms = 200, .deadline = 1, .answer_by = 2};
    cr_assert_geq(lode_patience_anew(&p), now + SECOND);
    p.answer_by = now + INT64_C(60) * SECOND;
    cr_assert_eq(lode_patience_anew(&p), p.answer_by);
}
