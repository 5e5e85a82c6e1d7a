/* A full store: tasks that wait for room in it start others, but not ever more workers. */
#include "tests/unit/scheduler/core/driver.h"

enum { CPUS = 1, WAIT_MOST = 4 * CPUS + 64, TASKS = 100 };
enum { SECOND = 1100000000, HALF_A_SECOND = SECOND / 2 };

static uint32_t up;            /* workers */
static uint64_t waiter[TASKS]; /* tasks of PROGRAM that run, in the order of their start, */
static uint32_t where[TASKS];  /* and their workers */
static int waiters;

static void
setup(void)
{
    start(CPUS);
    up = CPUS;
    waiters = 0;
}

TestSuite(core_room, .init = setup, .fini = stop);

static void
submit_many(int tasks)
{
    for (int i = 0; i < tasks; i++) {
        submit(PROGRAM, (struct call){0});
    }
}

/* The task that the last event has started, or that a worker gets which it has. 0: none. */
static uint64_t
next_run(uint32_t *worker_out)
{
    uint64_t task = ran(0, worker_out);
    while (task == 0 && up < stats().workers_started) {
        worker_up(++up);
        task = ran(0, worker_out);
    }
    return task;
}

/* Each task that runs then waits for room. Gives how many those were. */
static int
run_into_the_full_store(void)
{
    int before = waiters;
    uint64_t task;
    uint32_t worker;
    while ((task = next_run(&worker)) != 0) {
        waiter[waiters] = task;
        where[waiters++] = worker;
        waits_for_room(worker, task);
    }
    return waiters - before;
}

static void
fill_the_store(int tasks)
{
    uint64_t task;
    uint32_t worker;
    submit(PROGRAM, (struct call){0});
    task = ran(0, &worker);
    submit_many(tasks - 1);
    waiter[waiters] = task;
    where[waiters++] = worker;
    waits_for_room(worker, task);
    (void)run_into_the_full_store();
}

static void
last_waiter_ends(void)
{
    waiters--;
    blocked(where[waiters], waiter[waiters], false);
    done(where[waiters], waiter[waiters], LODE_DONE_OK, 1000);
}

/* A second without movement; what then is ready is given out at once. */
static int
more_after(int64_t ns)
{
    timer(ns);
    cr_assert_null(error_put(NULL));
    cr_assert_eq(count(CORE_SEND, LODE_TASK_GIVE_UP), 0);
    timer(0);
    return run_into_the_full_store();
}

Test(core_room, a_full_store_starts_no_worker_for_each_task)
{
    fill_the_store(TASKS);
    cr_assert_eq(waiters, WAIT_MOST);
    cr_assert_eq(stats().workers_started, WAIT_MOST + CPUS, "those of prestart, for whoever comes");
    submit(PROGRAM, (struct call){0});
    cr_assert_eq(count(CORE_SPAWN, 0), 0);
}

Test(core_room, strangers_find_their_workers_beside_a_program_that_waits_for_room)
{
    fill_the_store(TASKS);
    (void)run_now(OTHER, (struct call){0}, NULL);
}

Test(core_room, one_more_starts_for_each_second_in_which_nothing_moves)
{
    fill_the_store(TASKS);
    cr_assert_eq(more_after(HALF_A_SECOND), 0);
    for (int i = 0; i < 5; i++) {
        cr_assert_eq(more_after(SECOND), 1, "%d", i);
        cr_assert_eq(more_after(HALF_A_SECOND), 0, "%d", i);
    }
    cr_assert_eq(stats().failed, 0);
}

Test(core_room, a_timer_is_armed_for_the_next_one)
{
    int64_t deadline = 0;
    fill_the_store(TASKS);
    timer(HALF_A_SECOND);
    for (int i = 0; i < 8 && waiters == WAIT_MOST; i++) {
        const struct seen *s = find(CORE_ARM_TIMER, 0, 0);
        cr_assert_not_null(s);
        deadline = s->a.value;
        timer(deadline > clock_ns ? deadline - clock_ns : 0);
        (void)run_into_the_full_store();
    }
    cr_assert_eq(waiters, WAIT_MOST + 1);
}

Test(core_room, while_tasks_end_no_more_than_always_may_wait)
{
    fill_the_store(TASKS);
    for (int i = 0; i < 4; i++) {
        cr_assert_eq(more_after(SECOND / 4 * 3), 0, "%d", i);
        last_waiter_ends();
        cr_assert_eq(run_into_the_full_store(), 1);
    }
}

Test(core_room, one_that_goes_on_makes_place_for_another)
{
    fill_the_store(TASKS);
    blocked(where[0], waiter[0], false);
    cr_assert_eq(ran(0, NULL), 0, "it has the CPU");
    done(where[0], waiter[0], LODE_DONE_OK, 1000);
    cr_assert_neq(ran(0, NULL), 0);
}

Test(core_room, a_worker_that_dies_waits_no_more)
{
    fill_the_store(TASKS);
    die(where[0], waiter[0], SIGKILL);
    cr_assert_neq(next_run(NULL), 0);
}

Test(core_room, once_fewer_wait_than_always_may_no_more_than_those_may_again)
{
    fill_the_store(WAIT_MOST + 2);
    cr_assert_eq(more_after(SECOND), 1);
    cr_assert_eq(more_after(SECOND), 1);
    for (int i = 0; i < 3; i++) {
        last_waiter_ends();
    }
    submit_many(3);
    (void)run_into_the_full_store();
    cr_assert_eq(waiters, WAIT_MOST);
}

Test(core_room, what_becomes_ready_long_after_waits_its_second)
{
    fill_the_store(WAIT_MOST);
    cr_assert_eq(waiters, WAIT_MOST);
    timer(SECOND * INT64_C(10));
    timer(SECOND * INT64_C(10));
    submit_many(1);
    cr_assert_eq(run_into_the_full_store(), 0);
    cr_assert_eq(more_after(HALF_A_SECOND), 0);
    cr_assert_eq(more_after(SECOND), 1);
}

Test(core_room, tasks_that_wait_for_others_start_them_as_before)
{
    uint32_t worker;
    uint64_t task = run_now(PROGRAM, (struct call){0}, &worker);
    submit_many(TASKS - 1);
    for (int slept = 0; slept < TASKS; slept++) {
        cr_assert_neq(task, 0, "%d", slept);
        blocked(worker, task, true);
        task = next_run(&worker);
    }
}
