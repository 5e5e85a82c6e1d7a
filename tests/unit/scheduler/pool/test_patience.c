/* How long a worker's output may stay unreadable. */
#include "scheduler/pool/patience.h"
#include "tests/support/check.h"

#include <criterion/criterion.h>

enum { LOOK_NS = 5000000 };

/* Looks in vain each 5 ms for so long, and says whether the last one ended the wait. */
static bool
look_in_vain(struct patience *patience, int64_t *now, int64_t ns)
{
    bool ends = false;
    for (int64_t until = *now + ns; *now < until; *now += LOOK_NS) {
        ends = patience_ends(patience, *now);
    }
    return ends;
}

Test(patience, ends_after_a_second_of_looks_in_vain_and_stays_so)
{
    struct patience patience = {0};
    int64_t now = 1;
    expect(!look_in_vain(&patience, &now, PATIENCE_NS));
    expect(look_in_vain(&patience, &now, 2 * LOOK_NS));
    now += 10 * INT64_C(1000000000);
    expect(patience_ends(&patience, now));
}

Test(patience, begins_anew_once_a_look_succeeds)
{
    struct patience patience = {0};
    int64_t now = 1;
    expect(look_in_vain(&patience, &now, 2 * PATIENCE_NS));
    patience_begin(&patience);
    expect(!look_in_vain(&patience, &now, PATIENCE_NS));
}

Test(patience, two_looks_in_vain_with_a_long_time_between_are_no_wait)
{
    struct patience patience = {0};
    expect(!patience_ends(&patience, 1));
    expect(!patience_ends(&patience, 10 * INT64_C(1000000000)));
}
