#include "scheduler/core/state/turns.h"

#include "scheduler/core/state/state.h"

#include <stdlib.h>

/* ---- programs and their lanes ---------------------------------------------------------------- */

static void
add_lane(struct core_lane *lane)
{
    TAILQ_INSERT_TAIL(&lane->program->lanes, lane, of_program);
    TAILQ_INSERT_TAIL(&lane->session->lanes, lane, of_session);
}

struct core_program *
core_program_create(struct core_session *root, uint32_t worker_max)
{
    struct core_program *program = calloc(1, sizeof *program);
    if (program == NULL) {
        return NULL;
    }
    program->root = root;
    program->number = root->number;
    program->pid = root->pid;
    program->worker_max = worker_max;
    TAILQ_INIT(&program->lanes);
    core_lane_init(&program->lane, program, root, 0);
    add_lane(&program->lane);
    TAILQ_INIT(&program->levels);
    TAILQ_INIT(&program->level.lanes);
    return program;
}

static void
free_program(struct core *core, struct core_program *program)
{
    LODE_ASSERT(program->ready == 0 && program->root == NULL && program->workers == 0);
    core_turns_hungry(core, program, false);
    if (core->wide == program) {
        core->wide = NULL;
    }
    if (program->ended) {
        TAILQ_REMOVE(&core->ended, program, ended_link);
    }
    free(program);
}

void
core_lane_leave(struct core *core, struct core_lane *lane)
{
    struct core_program *program = lane->program;
    if (--lane->users > 0) {
        return;
    }
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
core_lanes_forget_session(struct core_session *session)
{
    struct core_lane *lane;
    while ((lane = TAILQ_FIRST(&session->lanes)) != NULL) {
        TAILQ_REMOVE(&session->lanes, lane, of_session);
        lane->session = NULL;
    }
}

void
core_program_end(struct core *core, struct core_program *program)
{
    program->ended = true;
    TAILQ_INSERT_TAIL(&core->ended, program, ended_link);
}

void
core_program_leave(struct core *core, struct core_program *program)
{
    program->root = NULL;
    core_lane_leave(core, &program->lane);
}

struct core_lane *
core_lane_below(struct core *core, struct core_task *task, struct core_session *session)
{
    if (task->nested != NULL && task->nested->session != session) {
        core_lane_leave(core, task->nested); /* of an attempt whose worker died */
        task->nested = NULL;
    }
    if (task->nested == NULL) {
        const struct core_lane *lane = task->ticket.lane;
        task->nested = core_alloc(sizeof *task->nested);
        core_lane_init(task->nested, lane->program, session, lane->depth + 1);
        task->nested->owner = task->number;
        add_lane(task->nested);
    }
    return task->nested;
}

/* ---- levels ---------------------------------------------------------------------------------- */

/*
 * As a rule a lane that gets its first ready task is one of the deepest: its owner has just begun
 * to run. So the search for its level begins there.
 */
static struct core_level *
level_at(struct core_program *program, uint32_t depth)
{
    struct core_level *level = TAILQ_FIRST(&program->levels), *made = &program->level;
    if (depth == 0) {
        level = TAILQ_LAST(&program->levels, core_level_list);
        level = level != NULL && level->depth > 0 ? NULL : level;
    }
    while (level != NULL && level->depth > depth) {
        level = TAILQ_NEXT(level, link);
    }
    if (level != NULL && level->depth == depth) {
        return level;
    }
    if (depth > 0) {
        made = core_alloc(sizeof *made);
        made->depth = depth;
        TAILQ_INIT(&made->lanes);
    }
    if (level != NULL) {
        TAILQ_INSERT_BEFORE(level, made, link);
    } else {
        TAILQ_INSERT_TAIL(&program->levels, made, link);
    }
    return made;
}

static void
enter(struct core_program *program, struct core_lane *lane)
{
    lane->level = level_at(program, lane->depth);
    lane->turn = CORE_TURN;
    TAILQ_INSERT_TAIL(&lane->level->lanes, lane, link);
}

static void
leave(struct core_program *program, struct core_lane *lane)
{
    struct core_level *level = lane->level;
    lane->level = NULL;
    TAILQ_REMOVE(&level->lanes, lane, link);
    if (!TAILQ_EMPTY(&level->lanes)) {
        return;
    }
    TAILQ_REMOVE(&program->levels, level, link);
    if (level != &program->level) {
        free(level);
    }
}

/* ---- taking turns ---------------------------------------------------------------------------- */

void
core_turns_add(struct core *core, struct core_task *task)
{
    struct core_lane *lane = task->ticket.lane;
    struct core_program *program = lane->program;
    core_lane_add(lane, task);
    if (lane->count == 1) {
        enter(program, lane);
    }
    if (program->ready++ == 0) {
        program->turn = CORE_TURN;
        TAILQ_INSERT_TAIL(&core->programs, program, link);
        core->pool_changed = core->pool_changed || program->blocked > 0;
    }
}

void
core_turns_remove(struct core *core, struct core_task *task)
{
    struct core_lane *lane = task->ticket.lane;
    struct core_program *program = lane->program;
    core_lane_remove(lane, task);
    if (lane->count == 0) {
        leave(program, lane);
    }
    if (--program->ready == 0) {
        TAILQ_REMOVE(&core->programs, program, link);
        core_turns_hungry(core, program, false);
        program->stuck_since = 0;
    }
}

struct core_task *
core_turns_first(const struct core_program *program)
{
    return core_lane_first(TAILQ_FIRST(&TAILQ_FIRST(&program->levels)->lanes));
}

void
core_turns_used(struct core *core, struct core_lane *lane)
{
    struct core_program *program = lane->program;
    if (lane->count > 0 && --lane->turn == 0) {
        lane->turn = CORE_TURN;
        TAILQ_REMOVE(&lane->level->lanes, lane, link);
        TAILQ_INSERT_TAIL(&lane->level->lanes, lane, link);
    }
    if (program->ready > 0 && --program->turn == 0) {
        program->turn = CORE_TURN;
        TAILQ_REMOVE(&core->programs, program, link);
        TAILQ_INSERT_TAIL(&core->programs, program, link);
    }
}

uint32_t
core_program_more_workers(const struct core *core, const struct core_program *program)
{
    uint32_t cpus = (uint32_t)((core->total.cpus + LODE_CPU_UNIT - 1) / LODE_CPU_UNIT);
    uint32_t running = program->workers - program->blocked;
    uint32_t running_max = CORE_RUNNING_OF_CPU * cpus + CORE_RUNNING_MAX;
    if (program->workers >= program->worker_max || running >= running_max) {
        return 0;
    }
    uint32_t more = program->worker_max - program->workers;
    return more < running_max - running ? more : running_max - running;
}

void
core_turns_hungry(struct core *core, struct core_program *program, bool is_hungry)
{
    core->hungry += is_hungry;
    core->hungry -= program->hungry;
    program->hungry = is_hungry;
}

/* ---- checking -------------------------------------------------------------------------------- */

static uint32_t
check_levels(const struct core_program *program)
{
    uint32_t ready = 0;
    const struct core_level *level, *before = NULL;
    TAILQ_FOREACH(level, &program->levels, link)
    {
        LODE_ASSERT(before == NULL || before->depth > level->depth);
        LODE_ASSERT((level->depth == 0) == (level == &program->level));
        LODE_ASSERT(!TAILQ_EMPTY(&level->lanes));
        const struct core_lane *lane;
        TAILQ_FOREACH(lane, &level->lanes, link)
        {
            LODE_ASSERT(lane->program == program && lane->level == level);
            LODE_ASSERT(lane->depth == level->depth && lane->turn > 0 && lane->count > 0);
            ready += core_lane_check(lane);
        }
        before = level;
    }
    return ready;
}

uint64_t
core_turns_check(const struct core *core)
{
    uint64_t ready = 0;
    uint32_t hungry = 0;
    const struct core_program *program;
    TAILQ_FOREACH(program, &core->programs, link)
    {
        LODE_ASSERT(program->ready > 0 && program->turn > 0);
        LODE_ASSERT(check_levels(program) == program->ready);
        LODE_ASSERT(program->blocked <= program->workers);
        ready += program->ready;
        hungry += program->hungry;
    }
    LODE_ASSERT(hungry == core->hungry);
    return ready;
}
