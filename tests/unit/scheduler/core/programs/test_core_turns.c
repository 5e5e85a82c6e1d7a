/* Whose task goes next: programs take turns, the deepest level of a program goes first. */
#include "scheduler/core/programs/turns.h"

#include "scheduler/core/state/state.h"

#include <criterion/criterion.h>

enum { PROGRAMS = 3, TASKS = 3 * CORE_TURN };

static struct core core;
static struct core_session root[PROGRAMS], worker;
static struct core_program *program[PROGRAMS];
static struct core_task task[PROGRAMS][TASKS];

static void
setup(void)
{
    TAILQ_INIT(&core.programs);
    TAILQ_INIT(&core.ended);
    TAILQ_INIT(&worker.lanes);
    for (int p = 0; p < PROGRAMS; p++) {
        root[p].number = 100 + (uint64_t)p;
        TAILQ_INIT(&root[p].lanes);
        program[p] = core_program_create(&root[p], 8, 8);
        for (int i = 0; i < TASKS; i++) {
            core_lane_join(&program[p]->lane, &task[p][i]);
        }
    }
}

static void
add(struct core_task *added)
{
    added->state = CORE_TASK_READY;
    core_turns_add(&core, added);
    cr_assert_geq(core_turns_check(&core), 1);
}

static struct core_task *
take(void)
{
    struct core_task *first = core_turns_first(TAILQ_FIRST(&core.programs));
    core_turns_remove(&core, first);
    if (first->lane->depth > 0) {
        core_lane_used(first->lane);
    }
    (void)core_program_used(&core, first->lane->program);
    (void)core_turns_check(&core);
    return first;
}

static void
teardown(void)
{
    for (int p = 0; p < PROGRAMS; p++) {
        for (int i = 0; i < TASKS; i++) {
            core_lane_leave(&core, &program[p]->lane);
        }
        core_program_leave(&core, program[p]);
    }
}

TestSuite(core_turns, .init = setup, .fini = teardown);

Test(core_turns, programs_take_turns)
{
    for (int p = 0; p < PROGRAMS; p++) {
        for (int i = 0; i < TASKS; i++) {
            add(&task[p][i]);
        }
    }
    for (int i = 0; i < PROGRAMS * TASKS; i++) {
        int p = i / CORE_TURN % PROGRAMS;
        cr_assert_eq(take()->lane->program, program[p], "task %d", i);
    }
    cr_assert(TAILQ_EMPTY(&core.programs));
}

static void
nest(struct core_task *parent, struct core_task *children, int count)
{
    for (int i = 0; i < count; i++) {
        core_lane_join(core_lane_below(parent, &worker), &children[i]);
        add(&children[i]);
    }
}

static void
forget(struct core_task *parent, struct core_task *children, int count)
{
    for (int i = 0; i < count; i++) {
        core_lane_leave(&core, children[i].lane);
    }
    core_lane_leave(&core, parent->nested);
}

Test(core_turns, the_deepest_level_of_a_program_goes_first_and_strangers_keep_their_turn)
{
    static struct core_task child[2], grandchild[2];
    add(&task[0][0]);
    add(&task[0][1]);
    struct core_task *parent = take();
    nest(parent, child, 2);
    cr_assert_eq(take(), &child[0]);
    nest(&child[0], grandchild, 2);
    add(&task[1][0]);
    program[0]->turn = 1;
    cr_assert_eq(take(), &grandchild[0]);
    cr_assert_eq(take(), &task[1][0], "the stranger's turn");
    cr_assert_eq(take(), &grandchild[1]);
    cr_assert_eq(take(), &child[1]);
    cr_assert_eq(take(), &task[0][1]);
    forget(&child[0], grandchild, 2);
    forget(parent, child, 2);
}

Test(core_turns, within_a_level_the_lanes_of_several_parents_take_turns)
{
    static struct core_task a[CORE_TURN + 1], b[2];
    nest(&task[0][0], a, CORE_TURN + 1);
    nest(&task[0][1], b, 2);
    for (int i = 0; i < CORE_TURN; i++) {
        cr_assert_eq(take(), &a[i]);
    }
    cr_assert_eq(take(), &b[0]);
    cr_assert_eq(take(), &b[1]);
    cr_assert_eq(take(), &a[CORE_TURN]);
    forget(&task[0][0], a, CORE_TURN + 1);
    forget(&task[0][1], b, 2);
}

Test(core_turns, a_lane_outlives_its_owner_as_long_as_it_has_tasks)
{
    static struct core_task child[1];
    nest(&task[0][0], child, 1);
    core_lane_leave(&core, task[0][0].nested); /* the parent ends first */
    cr_assert_eq(TAILQ_FIRST(&worker.lanes), child[0].lane);
    cr_assert_eq(take(), &child[0]);
    core_lane_leave(&core, child[0].lane);
    cr_assert(TAILQ_EMPTY(&worker.lanes));
}

/* A lane of that depth, with one task in it. */
static struct core_task *
dig(uint32_t depth, struct core_task *chain)
{
    struct core_task *parent = &task[0][0];
    for (uint32_t i = 0; i < depth; i++) {
        core_lane_join(core_lane_below(parent, &worker), &chain[i]);
        parent = &chain[i];
    }
    add(parent);
    return parent;
}

static void
fill_in(uint32_t depth, struct core_task *chain)
{
    core_lane_leave(&core, task[0][0].nested);
    task[0][0].nested = NULL;
    for (uint32_t i = 0; i < depth; i++) {
        core_lane_leave(&core, chain[i].lane);
        if (chain[i].nested != NULL) {
            core_lane_leave(&core, chain[i].nested);
        }
    }
}

Test(core_turns, levels_below_the_last_share_it)
{
    enum { DEEP = CORE_LEVELS_MAX + 2 };
    static struct core_task chain[DEEP];
    struct core_task *deepest = dig(DEEP, chain), *last = &chain[CORE_LEVELS_MAX - 1];
    add(&chain[0]);
    add(last);
    add(&chain[63]);
    add(&chain[64]);
    cr_assert_eq(take(), deepest);
    add(deepest);
    cr_assert_eq(take(), last, "it was there before");
    cr_assert_eq(take(), deepest);
    cr_assert_eq(take(), &chain[64]);
    cr_assert_eq(take(), &chain[63]);
    cr_assert_eq(take(), &chain[0]);
    fill_in(DEEP, chain);
}
