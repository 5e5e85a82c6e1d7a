/*
 * The scheduler's core without memory for one more session or worker: the peer is told, or the
 * worker is started later; nothing is entered by half.
 * ctest: wrap malloc
 * ctest: wrap calloc
 */
#include "tests/unit/scheduler/core/driver.h"

#include "tests/support/no_memory.h"

enum {
    ENTERING_MAX = 5, /* a session, two tables, their buckets */
    STARTING_MAX = 3  /* a worker, a table, its buckets */
};

/* A core that knows nobody yet. */
static void
nobody(void)
{
    const struct core_options options = {.cpus = ONE_CPU};
    clock_ns = 1000000000;
    core = core_create(&options, clock_ns);
    fetch();
}

TestSuite(core_memory, .init = nobody, .fini = stop);

/* The n-th allocation of the step fails. */
static void
step_without_memory(struct core_event event, long n)
{
    forget();
    event.now_ns = clock_ns += 1000;
    no_memory_at(n);
    core_step(core, &event);
    cr_assert(no_memory_was_seen(), "it allocates less than %ld times", n);
    fetch();
}

static struct core_event
coming(uint64_t session, uint32_t worker)
{
    struct core_event event = {.type = CORE_SESSION_OPEN};
    event.u.open.session = event.u.open.store_session = session;
    event.u.open.role = worker != 0 ? LODE_ROLE_WORKER : LODE_ROLE_PROGRAM;
    event.u.open.worker = worker;
    event.u.open.pid = 5000 + worker;
    return event;
}

Test(core_memory, a_session_for_which_there_is_none_is_turned_away_whole)
{
    for (long n = 1; n <= ENTERING_MAX; n++) {
        step_without_memory(coming((uint64_t)n, 0), n);
        const struct seen *cut = find(CORE_CUT, 0, 0);
        cr_assert_not_null(cut);
        cr_assert_eq(cut->a.target, (uint64_t)n);
        cr_assert_eq(cut->a.value, LODE_ENOMEM);
        cr_assert_eq(stats().sessions, 0);
        session_end((uint64_t)n); /* it was not known */
    }
    step(coming(ENTERING_MAX, 0));
    cr_assert_null(find(CORE_CUT, 0, 0), "its number at the store was not kept");
    cr_assert_eq(stats().sessions, 1);
}

Test(core_memory, a_worker_for_which_there_is_none_is_started_later)
{
    die(1, 0, SIGKILL); /* it did not start: another one is started a little later */
    for (long n = 1; n <= STARTING_MAX; n++) {
        clock_ns += 10000000000;
        step_without_memory((struct core_event){.type = CORE_TIMER}, n);
        cr_assert_null(find(CORE_SPAWN, 0, 0));
        cr_assert_eq(stats().workers, 0);
        cr_assert_not_null(find(CORE_ARM_TIMER, 0, 0));
    }
    timer(10000000000);
    cr_assert_not_null(find(CORE_SPAWN, 0, 0));
    cr_assert_eq(stats().workers, 1);
}
