#include "scheduler/core/tasks/dispatch.h"

#include "scheduler/core/programs/turns.h"
#include "scheduler/core/tasks/chain.h"
#include "scheduler/core/tasks/choose.h"
#include "scheduler/core/state/workers.h"

/* ---- taking turns --------------------------------------------------------------------------- */

/*
 * True if another program's first task has found no room for long: free resources are kept for it.
 * A task that needs none takes none away.
 */
static bool
has_to_wait(struct core *core, const struct core_program *program)
{
    if (core->wide == NULL) {
        return false;
    }
    if (core->wide->ready == 0 || core->wide->parked) {
        core->wide = NULL;
        return false;
    }
    return core->wide != program && core->now - core->wide_since >= CORE_WIDE_NS;
}

/* What is kept free for a program that may have no more workers would be used by nobody. */
static void
found_no_room(struct core *core, struct core_program *program, const struct core_task *task)
{
    core_program_waits(core, program);
    if (core->wide == NULL && !program->parked &&
        !core_resources_fit(core->total, core->used, task->needs)) {
        core->wide = program;
        core->wide_since = core->now;
    }
}

static bool
dispatch_one(struct core *core, struct core_program *program)
{
    struct core_task *task = core_turns_first(program);
    bool waits =
        core->wide != NULL && !core_resources_none(task->needs) && has_to_wait(core, program);
    struct core_worker *worker = waits ? NULL : core_choose_worker(core, task);
    core->looks++;
    if (worker == NULL) {
        found_no_room(core, program, task);
        return false;
    }
    if (core->wide == program) {
        core->wide = NULL;
    }
    if (program->waits) {
        core_program_is_served(core, program);
    }
    core_task_place(core, task, worker);
    if (task->lane->depth > 0) {
        core_lane_used(task->lane);
    }
    return true;
}

/* ---- all programs ---------------------------------------------------------------------------- */

/* True if of the programs that wait none finds room: nobody need look at each of them. */
static bool
all_have_to_wait(struct core *core)
{
    struct core_resources least = core->least;
    if (has_to_wait(core, NULL) && !core_resources_none(least)) {
        least = core_turns_first(core->wide)->needs;
    }
    return !core_resources_fit(core->total, core->used, least);
}

/* The first program for which no worker was sought yet; as a rule they stand at the end. */
static struct core_program *
first_untried(const struct core *core)
{
    struct core_program *first = NULL, *program = TAILQ_LAST(&core->programs, core_program_list);
    for (uint32_t left = core->untried; left > 0;
         program = TAILQ_PREV(program, core_program_list, link)) {
        if (!program->waits) {
            first = program;
            left--;
        }
    }
    return first;
}

/*
 * Gives idle workers tasks. A program that finds none keeps its place in front of those that have
 * had their turn since: so the next idle worker is its. Begins with `program`. True: it has come to
 * the last one.
 */
static bool
give_to(struct core *core, struct core_program *program)
{
    while (program != NULL && !TAILQ_EMPTY(&core->idle) && !core_is_full(core)) {
        struct core_program *next = TAILQ_NEXT(program, link);
        bool was_wide = core->wide == program;
        bool placed = dispatch_one(core, program);
        bool turn_over = placed && core_program_used(core, program);
        if (placed && was_wide) {
            program = TAILQ_FIRST(&core->programs); /* the others waited for it */
        } else if (!placed || program->ready == 0 || (turn_over && next != NULL)) {
            program = next;
        }
    }
    return program == NULL;
}

static void
give_to_idle(struct core *core)
{
    if (TAILQ_EMPTY(&core->idle) || core_is_full(core)) {
        return;
    }
    if (all_have_to_wait(core)) {
        (void)give_to(core, first_untried(core));
        return;
    }
    struct core_resources least = core->least;
    core->least = core_resources_endless(); /* who finds no room notes what it needs */
    if (!give_to(core, TAILQ_FIRST(&core->programs))) {
        core->least = core_resources_least(core->least, least);
    }
}

/* Nothing is queued at its workers for now, for others are hungry. */
static bool
all_run_dry(const struct core *core, const struct core_program *program)
{
    const struct core_worker *worker = TAILQ_FIRST(&program->open);
    while (worker != NULL && core_worker_runs_dry(core, worker)) {
        worker = TAILQ_NEXT(worker, link);
    }
    return worker == NULL;
}

/*
 * A queue holds tasks of one program: so only programs whose workers have room are looked at. A
 * queue that was not filled because others were hungry is looked at again when a task of it ends.
 */
static void
fill_queues(struct core *core)
{
    struct core_program *program;
    while ((program = TAILQ_FIRST(&core->to_fill)) != NULL) {
        while (program->ready > 0 && !all_run_dry(core, program) && dispatch_one(core, program)) {
            (void)core_program_used(core, program);
        }
        TAILQ_REMOVE(&core->to_fill, program, fill_link);
        program->to_fill = false;
    }
}

/* The others find nothing. It was noted of most; the rest is as a rule at the end. */
static void
note_the_rest(struct core *core)
{
    struct core_program *program = TAILQ_LAST(&core->programs, core_program_list), *before;
    for (; core->untried > 0; program = before) {
        before = TAILQ_PREV(program, core_program_list, link);
        if (!program->waits) {
            found_no_room(core, program, core_turns_first(program));
        }
    }
}

/* The common case. Nobody asks whether it waits. */
static void
dispatch_alone(struct core *core, struct core_program *program)
{
    while (program->ready > 0 && !(TAILQ_EMPTY(&program->open) && TAILQ_EMPTY(&core->idle)) &&
           dispatch_one(core, program)) {
    }
}

void
core_dispatch(struct core *core)
{
    struct core_program *program = TAILQ_FIRST(&core->programs);
    if (!TAILQ_EMPTY(&core->parked)) {
        /* their own workers may have room */
    } else if (program == NULL) {
        return;
    } else if (TAILQ_NEXT(program, link) == NULL) {
        dispatch_alone(core, program);
        return;
    }
    give_to_idle(core);
    fill_queues(core);
    note_the_rest(core);
}
