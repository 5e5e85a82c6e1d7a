/* Sessions in the scheduler's core: who may come, and what is left of one that has gone. */
#include "tests/unit/scheduler/driver.h"

static void
one_cpu(void)
{
    start(1);
}

TestSuite(core_sessions, .init = one_cpu, .fini = stop);

static void
come(uint64_t session, uint64_t store_session)
{
    struct core_event event = {.type = CORE_SESSION_OPEN};
    event.u.open.session = session;
    event.u.open.store_session = store_session;
    event.u.open.role = LODE_ROLE_PROGRAM;
    step(event);
}

static bool
was_cut(uint64_t session)
{
    const struct seen *cut = find(CORE_CUT, 0, 0);
    return cut != NULL && cut->a.target == session;
}

Test(core_sessions, without_a_session_at_the_store_nobody_is_admitted)
{
    uint64_t sessions = stats().sessions;
    for (uint64_t i = 10; i < 20; i++) {
        come(i, 0);
        cr_assert(was_cut(i));
        session_end(i);
        cr_assert_eq(stats().sessions, sessions, "it is not kept");
    }
}

Test(core_sessions, a_session_at_the_store_attaches_once_and_again_when_it_has_gone)
{
    come(10, 77);
    cr_assert_not(was_cut(10));
    come(11, 77);
    cr_assert(was_cut(11));
    session_end(11);
    session_end(10);
    settle(CORE_RESULTS, LODE_FOUND_GONE);
    come(12, 77);
    cr_assert_not(was_cut(12));
}

Test(core_sessions, who_was_cut_for_its_number_cannot_submit)
{
    come(10, 77);
    come(11, 77);
    submissions[11] = 0;
    submit(11, (struct call){0});
    cr_assert_eq(ran(0, NULL), 0);
    cr_assert_eq(stats().submitted, 0);
}
