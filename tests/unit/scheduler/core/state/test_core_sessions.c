/* Sessions in the scheduler's core: who may come, and what is left of one that has gone. */
#include "tests/unit/scheduler/core/driver.h"

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

/* ---- workers -------------------------------------------------------------------------------- */

static void
come_as_worker(uint64_t session, uint32_t worker, int64_t pid)
{
    struct core_event event = {.type = CORE_SESSION_OPEN};
    event.u.open.session = event.u.open.store_session = session;
    event.u.open.role = LODE_ROLE_WORKER;
    event.u.open.worker = worker;
    event.u.open.pid = pid;
    step(event);
}

static void
say_spawned(uint32_t worker, int64_t pid)
{
    struct core_event event = {.type = CORE_SPAWNED};
    event.u.spawned.worker = worker;
    event.u.spawned.pid = pid;
    step(event);
}

/* The worker of the suite dies: another one, number 2, is being started. */
static void
start_another(void)
{
    die(1, 0, SIGKILL);
    cr_assert_not_null(find(CORE_SPAWN, 0, 0));
    cr_assert_eq(find(CORE_SPAWN, 0, 0)->a.target, 2);
}

Test(core_sessions, only_the_process_that_was_started_is_admitted_as_a_worker)
{
    start_another();
    say_spawned(2, 4711);
    come_as_worker(200, 2, 1234);
    cr_assert(was_cut(200));
    come_as_worker(201, 2, 4711);
    cr_assert_not(was_cut(201));
    come_as_worker(202, 2, 4711);
    cr_assert(was_cut(202), "it has a session already");
}

Test(core_sessions, a_worker_that_came_before_its_pid_was_known_is_judged_by_it_later)
{
    start_another();
    come_as_worker(200, 2, 1234);
    cr_assert_not(was_cut(200));
    say_spawned(2, 4711);
    cr_assert(was_cut(200));
}

Test(core_sessions, a_worker_that_says_nonsense_of_a_task_is_cut)
{
    uint32_t worker;
    submit(PROGRAM, (struct call){0});
    uint64_t task = ran(0, &worker);
    done(worker, task, 77, 1000);
    cr_assert(was_cut(FIRST_WORKER + worker));
}

Test(core_sessions, a_worker_is_not_blocked_in_a_task_that_it_does_not_have)
{
    uint32_t worker;
    submit(PROGRAM, (struct call){0});
    uint64_t task = ran(0, &worker);
    struct lode_task_worker message = {.task = task + 1};
    record(FIRST_WORKER + worker, LODE_TASK_BLOCKED, &message, sizeof message);
    cr_assert_eq(stats().cpus_used, ONE_CPU);
    message.task = task;
    record(FIRST_WORKER + worker, LODE_TASK_BLOCKED, &message, sizeof message);
    cr_assert_eq(stats().cpus_used, 0);
}
