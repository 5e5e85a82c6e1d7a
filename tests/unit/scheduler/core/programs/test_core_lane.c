/* A lane: ready tasks in the order of their submission, whatever order they become ready in. */
#include "scheduler/core/programs/lane.h"

#include "scheduler/core/state/state.h"

#include <criterion/criterion.h>

enum { COUNT = 2000 };

static struct core_lane lane;
static struct core_task task[COUNT];

static void
setup(void)
{
    core_lane_init(&lane, NULL, NULL, 0);
    for (int i = 0; i < COUNT; i++) {
        core_lane_join(&lane, &task[i]);
    }
}

TestSuite(core_lane, .init = setup);

static void
add(int i)
{
    task[i].state = CORE_TASK_READY;
    core_lane_add(&lane, &task[i]);
}

static int
take(void)
{
    struct core_task *first = core_lane_first(&lane);
    cr_assert_not_null(first);
    core_lane_remove(&lane, first);
    return (int)(first - task);
}

Test(core_lane, gives_tasks_in_the_order_of_submission_if_they_become_ready_in_it)
{
    for (int i = 0; i < COUNT; i++) {
        add(i);
    }
    cr_assert_null(lane.late, "the common case needs no heap");
    for (int i = 0; i < COUNT; i++) {
        cr_assert_eq(take(), i);
    }
    cr_assert_eq(lane.count, 0);
}

Test(core_lane, gives_them_in_that_order_also_if_they_become_ready_backwards)
{
    for (int i = COUNT; i-- > 0;) {
        add(i);
    }
    cr_assert_eq(core_lane_check(&lane), COUNT);
    for (int i = 0; i < COUNT; i++) {
        cr_assert_eq(take(), i);
    }
}

Test(core_lane, a_task_that_waited_goes_before_those_that_were_submitted_after_it)
{
    add(0);
    add(5);
    add(9);
    add(3); /* its argument has come */
    add(7);
    cr_assert_eq(core_lane_check(&lane), 5);
    static const int ORDER[] = {0, 3, 5, 7, 9};
    for (int i = 0; i < 5; i++) {
        cr_assert_eq(take(), ORDER[i]);
    }
}

Test(core_lane, a_task_that_waits_holds_nobody_up)
{
    add(8);
    cr_assert_eq(take(), 8);
    add(2); /* also if that was ready before, and ran */
    cr_assert_eq(take(), 2);
}

static bool in[COUNT];

static void
take_first(int step)
{
    int first = take();
    in[first] = false;
    for (int before = 0; before < first; before++) {
        cr_assert_not(in[before], "step %d: %d was given, %d was ready", step, first, before);
    }
}

Test(core_lane, keeps_its_order_under_any_sequence_of_adding_and_removing)
{
    uint64_t seed = 7;
    for (int step = 0; step < 100000; step++) {
        seed = seed * UINT64_C(6364136223846793005) + 1442695040888963407;
        int i = (int)(seed >> 33) % COUNT;
        if (!in[i]) {
            add(i);
            in[i] = true;
        } else if (seed >> 20 & 1) {
            core_lane_remove(&lane, &task[i]);
            in[i] = false;
        } else {
            take_first(step);
        }
        if (step % 100 == 0) {
            core_lane_check(&lane);
        }
    }
}

Test(core_lane, of_late_tasks_a_hundred_thousand_cost_no_more_than_a_few_comparisons_each)
{
    enum { MANY = 100000 };
    struct core_task *many = calloc(MANY, sizeof *many);
    struct core_lane wide;
    core_lane_init(&wide, NULL, NULL, 0);
    for (int i = 0; i < MANY; i++) {
        core_lane_join(&wide, &many[i]);
        many[i].state = CORE_TASK_READY;
    }
    core_lane_add(&wide, &many[0]);
    core_lane_add(&wide, &many[MANY - 1]);
    for (int i = MANY - 2; i > 0; i--) { /* a list would be searched from end to end for each */
        core_lane_add(&wide, &many[(i * 7919LL) % (MANY - 2) + 1]);
    }
    for (int i = 0; i < MANY; i++) {
        struct core_task *first = core_lane_first(&wide);
        cr_assert_eq(first, &many[i]);
        core_lane_remove(&wide, first);
    }
    free(many);
}
