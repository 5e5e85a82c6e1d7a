/* A lane: ready tasks in the order of their submission, whatever order they become ready in. */
#include "scheduler/core/state/lane.h"

#include "scheduler/core/state/state.h"

#include <criterion/criterion.h>

enum { COUNT = 2000, LANES = 3 };

static struct core_lane_list lanes;
static struct core_lane lane[LANES];
static struct core_task task[LANES][COUNT];

static void
setup(void)
{
    TAILQ_INIT(&lanes);
    for (int l = 0; l < LANES; l++) {
        core_lane_init(&lane[l]);
        for (int i = 0; i < COUNT; i++) {
            core_lane_join(&lane[l], &task[l][i]);
        }
    }
}

TestSuite(core_lane, .init = setup);

static void
add(int l, int i)
{
    task[l][i].state = CORE_TASK_READY;
    core_lane_add(&lanes, &task[l][i]);
}

static int
take(int l)
{
    struct core_task *first = core_lane_first(&lane[l]);
    cr_assert_not_null(first);
    core_lane_remove(&lanes, first);
    return (int)(first - task[l]);
}

Test(core_lane, gives_tasks_in_the_order_of_submission_if_they_become_ready_in_it)
{
    for (int i = 0; i < COUNT; i++) {
        add(0, i);
    }
    cr_assert_null(lane[0].late, "the common case needs no heap");
    for (int i = 0; i < COUNT; i++) {
        cr_assert_eq(take(0), i);
    }
    cr_assert(TAILQ_EMPTY(&lanes));
}

Test(core_lane, gives_them_in_that_order_also_if_they_become_ready_backwards)
{
    for (int i = COUNT; i-- > 0;) {
        add(0, i);
    }
    cr_assert_eq(core_lane_check(&lane[0]), COUNT);
    for (int i = 0; i < COUNT; i++) {
        cr_assert_eq(take(0), i);
    }
}

Test(core_lane, a_task_that_waited_goes_before_those_that_were_submitted_after_it)
{
    add(0, 0);
    add(0, 5);
    add(0, 9);
    add(0, 3); /* its argument has come */
    add(0, 7);
    cr_assert_eq(core_lane_check(&lane[0]), 5);
    static const int ORDER[] = {0, 3, 5, 7, 9};
    for (int i = 0; i < 5; i++) {
        cr_assert_eq(take(0), ORDER[i]);
    }
}

Test(core_lane, a_task_that_waits_holds_nobody_up)
{
    add(0, 8);
    cr_assert_eq(take(0), 8);
    add(0, 2); /* also if that was ready before, and ran */
    cr_assert_eq(take(0), 2);
}

static bool in[COUNT];

static void
take_first(int step)
{
    int first = take(0);
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
            add(0, i);
            in[i] = true;
        } else if (seed >> 20 & 1) {
            core_lane_remove(&lanes, &task[0][i]);
            in[i] = false;
        } else {
            take_first(step);
        }
        if (step % 100 == 0) {
            core_lane_check(&lane[0]);
        }
    }
}

Test(core_lane, of_late_tasks_a_hundred_thousand_cost_no_more_than_a_few_comparisons_each)
{
    enum { MANY = 100000 };
    struct core_task *many = calloc(MANY, sizeof *many);
    struct core_lane wide;
    core_lane_init(&wide);
    for (int i = 0; i < MANY; i++) {
        core_lane_join(&wide, &many[i]);
        many[i].state = CORE_TASK_READY;
    }
    core_lane_add(&lanes, &many[0]);
    core_lane_add(&lanes, &many[MANY - 1]);
    for (int i = MANY - 2; i > 0; i--) { /* a list would be searched from end to end for each */
        core_lane_add(&lanes, &many[(i * 7919LL) % (MANY - 2) + 1]);
    }
    for (int i = 0; i < MANY; i++) {
        struct core_task *first = core_lane_first(&wide);
        cr_assert_eq(first, &many[i]);
        core_lane_remove(&lanes, first);
    }
    free(many);
}

Test(core_lane, lanes_take_turns)
{
    for (int l = 0; l < LANES; l++) {
        for (int i = 0; i < 3 * CORE_LANE_TURN; i++) {
            add(l, i);
        }
    }
    for (int i = 0; i < LANES * 3 * CORE_LANE_TURN; i++) {
        struct core_lane *now = TAILQ_FIRST(&lanes);
        cr_assert_eq(now, &lane[i / CORE_LANE_TURN % LANES], "task %d", i);
        core_lane_remove(&lanes, core_lane_first(now));
        core_lane_used(&lanes, now);
    }
    cr_assert(TAILQ_EMPTY(&lanes));
}
