#include "worker/runtime/sleeping.h"

#include <criterion/criterion.h>
#include <pthread.h>

enum { TASK = 7, NEXT = 8 };

static struct sleeping sleeping;
static uint32_t workers;
static enum lode_sleep asleep; /* what was told last, */
static uint64_t whose;         /* of which task */
static int told;

static void
tell(void *arg, enum lode_sleep sleep, uint64_t task, uint64_t call)
{
    (void)arg, (void)call;
    asleep = sleep;
    whose = task;
    told++;
}

static void
setup(void)
{
    sleeping_init(&sleeping, tell, NULL);
    sleeping_begin(&sleeping, TASK);
}

static void
teardown(void)
{
    sleeping_fini(&sleeping);
}

TestSuite(sleeping, .init = setup, .fini = teardown);

static uint64_t
fall_asleep(void)
{
    (void)sleeping_main(&sleeping, LODE_SLEEPS);
    return atomic_load(&sleeping.call);
}

static bool
gives_up(void)
{
    return sleeping_gives_up(&sleeping, true, &workers);
}

/* ---- another thread -------------------------------------------------------------------------- */

static void *
give_up_beside(void *arg)
{
    *(bool *)arg = sleeping_gives_up(&sleeping, false, &workers);
    return NULL;
}

static void *
sleep_beside(void *arg)
{
    *(bool *)arg = sleeping_other(&sleeping, LODE_SLEEPS, false);
    return NULL;
}

static void *
sleep_and_wake_beside(void *arg)
{
    (void)sleep_beside(arg);
    (void)sleeping_other(&sleeping, LODE_AWAKE, false);
    return NULL;
}

/* Sleeps, and once it is `told` that the task does, goes on and sleeps again. */
static void *
sleep_twice(void *arg)
{
    const bool *main_has_run = arg;
    (void)sleeping_other(&sleeping, LODE_SLEEPS, false);
    (void)sleeping_look(&sleeping, true);
    cr_assert(asleep);
    (void)sleeping_other(&sleeping, LODE_AWAKE, false);
    cr_assert(!asleep, "it needs the CPU");
    (void)sleeping_other(&sleeping, LODE_SLEEPS, *main_has_run);
    return NULL;
}

static void
beside_twice(bool main_has_run)
{
    pthread_t thread;
    cr_assert_eq(pthread_create(&thread, NULL, sleep_twice, &main_has_run), 0);
    pthread_join(thread, NULL);
}

/* Gives whether a look is wanted from now on. */
static bool
beside(void *(*what)(void *))
{
    bool watch = false;
    pthread_t thread;
    cr_assert_eq(pthread_create(&thread, NULL, what, &watch), 0);
    pthread_join(thread, NULL);
    return watch;
}

Test(sleeping, a_task_sleeps_if_another_thread_does_and_the_main_one_has_not_run_since)
{
    cr_assert(beside(sleep_beside));
    cr_assert_eq(told, 0);
    cr_assert(sleeping_look(&sleeping, true));
    cr_assert(asleep && whose == TASK);
}

Test(sleeping, a_task_whose_main_thread_runs_is_awake_whoever_sleeps)
{
    (void)beside(sleep_beside);
    cr_assert(sleeping_look(&sleeping, false));
    cr_assert_eq(told, 0);
    (void)sleeping_look(&sleeping, true);
    cr_assert(asleep);
    (void)sleeping_look(&sleeping, false);
    cr_assert(!asleep && told == 2);
}

Test(sleeping, a_thread_that_sleeps_again_need_not_wait_for_a_look_if_the_main_one_has_not_run)
{
    beside_twice(false);
    cr_assert(asleep && whose == TASK && told == 3);
    (void)sleeping_look(&sleeping, false);
    cr_assert(!asleep);
}

Test(sleeping, a_thread_that_sleeps_again_waits_for_a_look_if_the_main_one_has_run)
{
    beside_twice(true);
    cr_assert(!asleep && told == 2);
    cr_assert(sleeping_look(&sleeping, true));
    cr_assert(asleep);
}

Test(sleeping, a_task_is_awake_while_one_of_its_threads_that_slept_runs)
{
    (void)beside(sleep_beside);
    beside_twice(false);
    (void)beside(sleep_and_wake_beside);
    cr_assert(!asleep);
    (void)beside(sleep_beside);
    cr_assert(asleep, "the one that was woken may have ended");
}

Test(sleeping, nobody_looks_once_no_other_thread_sleeps)
{
    (void)beside(sleep_and_wake_beside);
    cr_assert(!sleeping_look(&sleeping, true));
    cr_assert_eq(told, 0);
}

Test(sleeping, nobody_looks_twice_at_a_time)
{
    cr_assert(beside(sleep_beside));
    cr_assert(!beside(sleep_beside));
}

Test(sleeping, a_main_thread_that_sleeps_here_itself_is_not_looked_at)
{
    (void)fall_asleep();
    cr_assert(!beside(sleep_beside));
    cr_assert(sleeping_main(&sleeping, LODE_AWAKE), "from now on it is");
}

Test(sleeping, a_thread_that_has_outlived_its_task_counts_for_no_other)
{
    (void)beside(sleep_beside);
    sleeping_end(&sleeping);
    sleeping_begin(&sleeping, NEXT);
    cr_assert(!sleeping_look(&sleeping, true));
    cr_assert_eq(told, 0);
}

Test(sleeping, a_task_that_ends_while_it_is_told_to_sleep_is_told_awake)
{
    (void)beside(sleep_beside);
    (void)sleeping_look(&sleeping, true);
    sleeping_end(&sleeping);
    cr_assert(!asleep && whose == TASK && told == 2);
    sleeping_begin(&sleeping, NEXT);
    (void)fall_asleep();
    cr_assert(asleep && whose == NEXT);
}

Test(sleeping, what_lies_between_two_tasks_is_told_of_none)
{
    sleeping_end(&sleeping);
    (void)fall_asleep();
    (void)sleeping_main(&sleeping, LODE_AWAKE);
    cr_assert_eq(told, 0);
}

/* That the main thread slept in the task before says nothing of this one. */
Test(sleeping, a_thread_of_the_next_task_is_alone_until_the_main_thread_was_looked_at_anew)
{
    (void)sleeping_look(&sleeping, true);
    sleeping_end(&sleeping);
    sleeping_begin(&sleeping, NEXT);
    (void)beside(sleep_beside);
    cr_assert(!asleep);
    (void)sleeping_look(&sleeping, true);
    cr_assert(asleep && whose == NEXT);
}

/* ---- for room -------------------------------------------------------------------------------- */

static void *
sleep_for_room_beside(void *arg)
{
    *(bool *)arg = sleeping_other(&sleeping, LODE_SLEEPS_FOR_ROOM, false);
    return NULL;
}

static void *
sleep_for_room_and_wake_beside(void *arg)
{
    (void)sleep_for_room_beside(arg);
    (void)sleeping_other(&sleeping, LODE_AWAKE, false);
    return NULL;
}

Test(sleeping, a_task_waits_for_room_as_its_main_thread_does)
{
    (void)beside(sleep_beside);
    (void)sleeping_main(&sleeping, LODE_SLEEPS_FOR_ROOM);
    cr_assert_eq(asleep, LODE_SLEEPS_FOR_ROOM);
    (void)sleeping_main(&sleeping, LODE_AWAKE);
    (void)beside(sleep_for_room_beside);
    (void)sleeping_main(&sleeping, LODE_SLEEPS);
    cr_assert_eq(asleep, LODE_SLEEPS);
}

Test(sleeping, a_task_waits_for_room_if_all_of_its_other_threads_that_sleep_do)
{
    (void)beside(sleep_for_room_and_wake_beside);
    (void)beside(sleep_for_room_beside);
    (void)beside(sleep_for_room_beside);
    (void)sleeping_look(&sleeping, true);
    cr_assert_eq(asleep, LODE_SLEEPS_FOR_ROOM);
}

Test(sleeping, a_task_waits_for_more_than_room_if_one_of_its_threads_does)
{
    (void)beside(sleep_for_room_beside);
    (void)beside(sleep_beside);
    (void)sleeping_look(&sleeping, true);
    cr_assert_eq(asleep, LODE_SLEEPS);
}

/* ---- giving up ------------------------------------------------------------------------------- */

Test(sleeping, the_call_that_is_meant_gives_up)
{
    uint64_t call = fall_asleep();
    cr_assert(!gives_up());
    sleeping_give_up(&sleeping, call, 5);
    cr_assert(!sleeping_gives_up(&sleeping, false, &workers), "another thread's");
    cr_assert(gives_up());
    cr_assert(gives_up(), "as long as it sleeps");
    cr_assert_eq(workers, 5);
}

Test(sleeping, where_the_main_thread_sleeps_elsewhere_one_of_the_others_gives_up)
{
    (void)beside(sleep_beside);
    (void)beside(sleep_beside);
    (void)sleeping_look(&sleeping, true);
    sleeping_give_up(&sleeping, atomic_load(&sleeping.call), 5);
    cr_assert(beside(give_up_beside));
    cr_assert(!sleeping_gives_up(&sleeping, false, &workers), "of another thread");
}

Test(sleeping, what_comes_too_late_meets_no_later_call)
{
    uint64_t call = fall_asleep();
    (void)sleeping_main(&sleeping, LODE_AWAKE);
    sleeping_give_up(&sleeping, call, 5);
    cr_assert(!gives_up(), "a call that is about to sleep");
    cr_assert_neq(fall_asleep(), call);
    cr_assert(!gives_up());
}

Test(sleeping, a_call_that_gave_up_leaves_nothing_to_the_next_one)
{
    sleeping_give_up(&sleeping, fall_asleep(), 5);
    (void)sleeping_main(&sleeping, LODE_AWAKE);
    cr_assert(!gives_up());
    (void)fall_asleep();
    cr_assert(!gives_up());
}
