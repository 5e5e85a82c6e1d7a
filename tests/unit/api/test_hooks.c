/* What a worker, or a session with the scheduler, hangs into a session. */
#include "api/base/fail.h"
#include "api/client/channel/hooks.h"
#include "tests/support/check.h"

#include <criterion/criterion.h>
#include <string.h>

static int times;

static void
fail_to_say_so(void *arg, enum lode_sleep sleep)
{
    (void)arg, (void)sleep;
    times++;
    (void)lode_fail_with(LODE_EDOWN, "the scheduler has ended");
}

Test(hooks, that_fail_leave_the_sentence_of_the_call_that_slept)
{
    static const struct lode_session_hooks table = {.blocked = fail_to_say_so};
    struct lode_hooks hooks = {{NULL}};
    expect(lode_hooks_install(&hooks, LODE_HOOKS_WORKER, &table) == &table);
    fails(lode_fail_with(LODE_EFULL, "1 MiB was wanted, and 4 KiB are free"), LODE_EFULL);
    lode_hooks_blocked(&hooks, LODE_SLEEPS);
    lode_hooks_blocked(&hooks, LODE_AWAKE);
    expect_eq(times, 2);
    expect_text(lode_last_error(), "1 MiB was wanted, and 4 KiB are free");
}
