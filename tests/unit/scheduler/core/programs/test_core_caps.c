/* Programs that have all workers that they may have, or no CPU free for them, beside others. */
#include "tests/unit/scheduler/core/driver.h"

TestSuite(core_caps, .fini = stop);

enum { CAPPED = 200, MANY = 40, LAST = 250, BUSY_TASKS = 3000 };

static uint32_t workers;

static uint64_t
run_without_cpu(uint64_t session)
{
    submit(session, (struct call){.cpus_zero = 1});
    if (ran(0, NULL) == 0) {
        worker_up(++workers);
    }
    return ran(0, NULL);
}

Test(core_caps, they_hide_none_that_waits_for_its_first_worker)
{
    start_with((struct core_options){.cpus = ONE_CPU, .worker_max = 1});
    workers = 1;
    for (uint64_t session = CAPPED; session < CAPPED + MANY; session++) {
        open_session(session, 0);
        cr_assert_neq(run_without_cpu(session), 0);
        submit(session, (struct call){.cpus_zero = 1});
    }
    open_session(LAST, 0);
    submit(LAST, (struct call){.cpus_zero = 1});
    cr_assert_eq(count(CORE_SPAWN, 0), 1);
    worker_up(++workers);
    cr_assert_neq(ran(0, NULL), 0);
}

Test(core_caps, one_that_may_have_a_worker_again_gets_it_from_a_busy_program)
{
    static uint64_t busy[BUSY_TASKS + 1100];
    size_t begun = 0, ended = 0;
    uint32_t worker = 0, other = 0;
    start_with((struct core_options){.cpus = ONE_CPU, .worker_max = 1});
    learn(10000, 200);
    submit(OTHER, (struct call){.cpus_zero = 1});
    uint64_t first = ran(0, &other);
    submit(PROGRAM, (struct call){0});
    worker_up(2);
    busy[begun++] = ran(0, &worker);
    submit(OTHER, (struct call){0});
    cr_assert_eq(ran(0, NULL), 0, "it has one worker, and may have no more");
    for (int i = 0; i < 100; i++) {
        submit(PROGRAM, (struct call){0});
        begun += (busy[begun] = ran(0, NULL)) != 0;
    }
    done(other, first, LODE_DONE_OK, 1000);
    cr_assert_eq(ran(0, NULL), 0, "the other one has the CPU");
    bool is_served = false;
    for (; !is_served && ended < begun && ended < BUSY_TASKS; ended++) {
        submit(PROGRAM, (struct call){0});
        begun += (busy[begun] = ran(0, NULL)) != 0;
        done(worker, busy[ended], LODE_DONE_OK, 10000);
        for (int i = 0; (busy[begun] = ran(i, &other)) != 0; i++) {
            begun += other == worker;
            is_served = is_served || other != worker;
        }
    }
    cr_assert(is_served);
}

Test(core_caps, a_task_that_needs_no_cpu_waits_for_none)
{
    start(1);
    submit(PROGRAM, (struct call){0});
    submit(PROGRAM, (struct call){0});
    submit(OTHER, (struct call){.cpus_zero = 1});
    timer(100000000);
    cr_assert_eq(stats().workers_started, 2);
    worker_up(2);
    cr_assert_neq(ran(0, NULL), 0);
}

/* ---- what is wide --------------------------------------------------------------------------- */

enum { LONG_NS = 60000000, HALF_CPU = ONE_CPU / 2 };

/* What is free beside it goes to those that had to wait for it, though they stood before it. */
Test(core_caps, who_waited_for_a_wide_task_goes_on_when_it_is_placed)
{
    enum { THIRD = 3 };
    uint32_t worker = 0;
    start(3);
    open_session(THIRD, 0);
    submit(THIRD, (struct call){.cpus = 5 * HALF_CPU});
    uint64_t most = ran(0, &worker);
    submit(THIRD, (struct call){.cpus = HALF_CPU});
    submit(THIRD, (struct call){.cpus_zero = 1});
    cr_assert_neq(ran(0, NULL), 0, "no worker is idle");
    submit(OTHER, (struct call){.cpus_zero = 1});
    submit(PROGRAM, (struct call){.cpus = 2 * ONE_CPU});
    submit(OTHER, (struct call){.cpus = HALF_CPU});
    worker_up(4);
    cr_assert_eq(count(CORE_SEND, LODE_TASK_RUN), 1);
    submit(THIRD, (struct call){.cpus_zero = 1});
    worker_up(5);
    cr_assert_eq(count(CORE_SEND, LODE_TASK_RUN), 1);
    submit(THIRD, (struct call){.cpus_zero = 1});
    uint64_t last = stats().workers_started;
    worker_up((uint32_t)last);
    uint64_t idle = ran(0, NULL);
    done((uint32_t)last, idle, LODE_DONE_OK, 1000);
    timer(LONG_NS);
    done(worker, most, LODE_DONE_OK, 1000);
    cr_assert_eq(count(CORE_SEND, LODE_TASK_RUN), 2);
}

/* One of its workers goes on, and it may have no more that are awake. */
Test(core_caps, a_wide_task_whose_program_may_have_no_more_workers_by_now_keeps_nothing_free)
{
    enum { AWAKE = 4 * 2 + 64 };
    uint32_t worker = 0;
    start(2);
    workers = 2;
    submit(PROGRAM, (struct call){.cpus_zero = 1});
    uint64_t sleeps = ran(0, &worker);
    blocked(worker, sleeps, true);
    for (int i = 0; i < AWAKE - 1; i++) {
        cr_assert_neq(run_without_cpu(PROGRAM), 0);
    }
    cr_assert_neq(run_without_cpu(OTHER), 0);
    submit(OTHER, (struct call){0});
    worker_up(++workers);
    cr_assert_neq(ran(0, NULL), 0);
    submit(PROGRAM, (struct call){.cpus = 2 * ONE_CPU});
    blocked(worker, sleeps, false);
    timer(LONG_NS);
    submit(OTHER, (struct call){0});
    if (ran(0, NULL) == 0) {
        worker_up(++workers);
    }
    cr_assert_neq(ran(0, NULL), 0);
}
