#include "scheduler/core/programs/program.h"

#include "scheduler/core/programs/turns.h"
#include "scheduler/core/state/state.h"

#include <stdlib.h>

static void
add_lane(struct core_lane *lane)
{
    TAILQ_INSERT_TAIL(&lane->program->lanes, lane, of_program);
    TAILQ_INSERT_TAIL(&lane->session->lanes, lane, of_session);
}

struct core_program *
core_program_create(struct core_session *root, uint32_t worker_max, uint32_t room_max)
{
    struct core_program *program = calloc(1, sizeof *program);
    if (program == NULL) {
        return NULL;
    }
    program->root = root;
    program->number = root->number;
    program->pid = root->pid;
    program->worker_max = worker_max;
    program->room_max = room_max;
    program->waits = true;
    TAILQ_INIT(&program->open);
    TAILQ_INIT(&program->lanes);
    core_lane_init(&program->lane, program, root, 0);
    add_lane(&program->lane);
    return program;
}

static void
free_program(struct core *core, struct core_program *program)
{
    LODE_ASSERT(program->ready == 0 && program->root == NULL && program->workers == 0);
    if (core->wide == program) {
        core->wide = NULL;
    }
    if (program->ended) {
        TAILQ_REMOVE(&core->ended, program, ended_link);
    }
    if (program->to_fill) {
        TAILQ_REMOVE(&core->to_fill, program, fill_link);
    }
    core_turns_fini(program);
    core->names_changed |= program->names.first != NULL;
    core_names_fini(&program->names);
    free(program);
}

void
core_lane_free(struct core *core, struct core_lane *lane)
{
    struct core_program *program = lane->program;
    LODE_ASSERT(lane->count == 0 && TAILQ_EMPTY(&lane->tasks));
    TAILQ_REMOVE(&program->lanes, lane, of_program);
    if (lane->session != NULL) {
        TAILQ_REMOVE(&lane->session->lanes, lane, of_session);
    }
    if (lane != &program->lane) {
        free(lane);
    }
    if (TAILQ_EMPTY(&program->lanes)) {
        free_program(core, program);
    }
}

void
core_lanes_leave_nested(struct core *core, struct core_task *task)
{
    struct core_lane *lane = task->nested, *next;
    for (; lane != NULL; lane = next) {
        next = lane->sibling;
        lane->parent = NULL;
        core_lane_leave(core, lane);
    }
    task->nested = NULL;
    task->has_nested = false;
}

/* Nothing comes into the lane any more: its owner, which may open sessions for ever, leaves it. */
static void
leave_parent(struct core *core, struct core_lane *lane)
{
    struct core_lane **at = &lane->parent->nested;
    while (*at != lane) {
        at = &(*at)->sibling;
    }
    *at = lane->sibling;
    lane->parent->has_nested = lane->parent->nested != NULL;
    lane->parent = NULL;
    core_lane_leave(core, lane);
}

void
core_lanes_leave_session(struct core *core, struct core_session *session)
{
    struct core_lane *lane;
    while ((lane = TAILQ_FIRST(&session->lanes)) != NULL) {
        TAILQ_REMOVE(&session->lanes, lane, of_session);
        lane->session = NULL;
        if (lane->parent != NULL) {
            leave_parent(core, lane);
        }
    }
}

void
core_program_end(struct core *core, struct core_program *program)
{
    program->ended = true;
    TAILQ_INSERT_TAIL(&core->ended, program, ended_link);
    if (core->orphans_at == 0) {
        core->orphans_at = core->now + CORE_ORPHANS_NS;
        core->pool_changed = true;
    }
}

void
core_program_leave(struct core *core, struct core_program *program)
{
    program->root = NULL;
    core_lane_leave(core, &program->lane);
}

struct core_lane *
core_lane_below(struct core_task *task, struct core_session *session)
{
    struct core_lane *lane = task->nested;
    while (lane != NULL && lane->session != session) {
        lane = lane->sibling;
    }
    if (lane == NULL) {
        lane = core_alloc(sizeof *lane);
        core_lane_init(lane, task->lane->program, session, task->lane->depth + 1);
        lane->owner = task->number;
        lane->parent = task;
        lane->sibling = task->nested;
        task->nested = lane;
        task->has_nested = true;
        add_lane(lane);
    }
    return lane;
}

/* How deep the owner was is not known any more. */
struct core_lane *
core_lane_behind(struct core_program *program, struct core_session *session, uint64_t owner)
{
    struct core_lane *lane = core_alloc(sizeof *lane);
    core_lane_init(lane, program, session, 1);
    lane->owner = owner;
    lane->users = 0;
    add_lane(lane);
    return lane;
}
