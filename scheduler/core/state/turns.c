#include "scheduler/core/state/turns.h"

#include "scheduler/core/state/state.h"

#include <stdlib.h>
#include <string.h>

/*
 * The lanes below the first level that have ready tasks, by level. A bit says which levels have
 * any, and a bit of `parts` which words of these have one set: so the deepest is found at once,
 * however many levels there are. The lists come in parts, on demand, and do not move.
 */
enum { PART = 64, PARTS = CORE_LEVELS_MAX / PART };

struct core_deep {
    uint64_t parts;
    uint64_t levels[PARTS];
    struct core_lane_list *part[PARTS]; /* PART lists; NULL: no lane was there yet */
};

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
    program->waits = true;
    TAILQ_INIT(&program->lanes);
    core_lane_init(&program->lane, program, root, 0);
    add_lane(&program->lane);
    return program;
}

static void
free_deep(struct core_deep *deep)
{
    for (uint32_t i = 0; deep != NULL && i < PARTS; i++) {
        free(deep->part[i]);
    }
    free(deep);
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
    free_deep(program->deep);
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

/* ---- levels ---------------------------------------------------------------------------------- */

static uint32_t
level_of(const struct core_lane *lane)
{
    return (lane->depth < CORE_LEVELS_MAX ? lane->depth : CORE_LEVELS_MAX) - 1;
}

static struct core_lane_list *
list_of(struct core_program *program, const struct core_lane *lane)
{
    uint32_t level = level_of(lane);
    return &program->deep->part[level / PART][level % PART];
}

static void
make_room(struct core_program *program, uint32_t part)
{
    if (program->deep == NULL) {
        program->deep = core_alloc(sizeof *program->deep);
        memset(program->deep, 0, sizeof *program->deep);
    }
    if (program->deep->part[part] == NULL) {
        struct core_lane_list *list = core_alloc(PART * sizeof *list);
        for (int i = 0; i < PART; i++) {
            TAILQ_INIT(&list[i]);
        }
        program->deep->part[part] = list;
    }
}

static void
enter(struct core_program *program, struct core_lane *lane)
{
    uint32_t level = level_of(lane), part = level / PART;
    make_room(program, part);
    program->deep->levels[part] |= UINT64_C(1) << level % PART;
    program->deep->parts |= UINT64_C(1) << part;
    lane->turn = CORE_TURN;
    TAILQ_INSERT_TAIL(list_of(program, lane), lane, link);
}

static void
leave(struct core_program *program, struct core_lane *lane)
{
    struct core_lane_list *list = list_of(program, lane);
    TAILQ_REMOVE(list, lane, link);
    if (TAILQ_EMPTY(list)) {
        uint32_t level = level_of(lane), part = level / PART;
        struct core_deep *deep = program->deep;
        deep->levels[part] &= ~(UINT64_C(1) << level % PART);
        deep->parts &= ~((uint64_t)(deep->levels[part] == 0) << part);
    }
}

static uint32_t
highest(uint64_t bits)
{
    return 63 - (uint32_t)__builtin_clzll(bits);
}

/* The lane whose turn it is at the deepest level that has any. */
static const struct core_lane *
deepest(const struct core_program *program)
{
    const struct core_deep *deep = program->deep;
    if (deep == NULL || deep->parts == 0) {
        return &program->lane;
    }
    uint32_t part = highest(deep->parts);
    return TAILQ_FIRST(&deep->part[part][highest(deep->levels[part])]);
}

/* ---- taking turns ---------------------------------------------------------------------------- */

static inline void
note(struct core *core, struct core_program *program, bool waits, bool is_hungry)
{
    core->untried += program->waits;
    core->untried -= waits;
    core->hungry += is_hungry;
    core->hungry -= program->hungry;
    program->waits = waits;
    program->hungry = is_hungry;
}

/* The program waits, and its next task may be another one now. */
static inline void
lower(struct core *core, const struct core_program *program, const struct core_task *task)
{
    if (!program->parked) {
        core->least = core_resources_least(core->least, task->needs);
    }
}

void
core_turns_add(struct core *core, struct core_task *task)
{
    struct core_lane *lane = task->lane;
    struct core_program *program = lane->program;
    core_lane_add(lane, task);
    if (lane->count == 1 && lane->depth > 0) {
        enter(program, lane);
    }
    if (program->ready++ == 0) {
        program->turn = CORE_TURN;
        TAILQ_INSERT_TAIL(&core->programs, program, link);
        note(core, program, false, false);
        core->pool_changed = core->pool_changed || program->blocked > 0;
    } else if (program->waits) {
        lower(core, program, task);
    }
}

void
core_turns_remove(struct core *core, struct core_task *task)
{
    struct core_lane *lane = task->lane;
    struct core_program *program = lane->program;
    core_lane_remove(lane, task);
    if (lane->count == 0 && lane->depth > 0) {
        leave(program, lane);
    }
    if (--program->ready == 0) {
        TAILQ_REMOVE(program->parked ? &core->parked : &core->programs, program, link);
        program->parked = false;
        note(core, program, true, false);
        program->stuck_since = 0;
    } else if (program->waits) {
        lower(core, program, core_turns_first(program));
    }
}

struct core_task *
core_turns_first(const struct core_program *program)
{
    return core_lane_first(deepest(program));
}

void
core_lane_used(struct core_lane *lane)
{
    if (lane->count > 0 && --lane->turn == 0) {
        struct core_lane_list *list = list_of(lane->program, lane);
        lane->turn = CORE_TURN;
        TAILQ_REMOVE(list, lane, link);
        TAILQ_INSERT_TAIL(list, lane, link);
    }
}

bool
core_program_used(struct core *core, struct core_program *program)
{
    if (program->ready == 0 || program->parked || --program->turn > 0) {
        return false;
    }
    program->turn = CORE_TURN;
    TAILQ_REMOVE(&core->programs, program, link);
    TAILQ_INSERT_TAIL(&core->programs, program, link);
    return true;
}

/* ---- workers --------------------------------------------------------------------------------- */

void
core_program_add_worker(struct core *core, struct core_program *program)
{
    if (++program->workers == program->worker_max) {
        TAILQ_INSERT_TAIL(&core->capped, program, capped_link);
    }
}

/* Of a program that waits: whether others make room for it, or it stands aside. */
static void
look_again(struct core *core, struct core_program *program)
{
    if (program->ready == 0 || !program->waits) {
        return;
    }
    bool may_grow = core_program_may_grow(core, program);
    note(core, program, true, may_grow);
    if (program->parked == may_grow) {
        TAILQ_REMOVE(may_grow ? &core->parked : &core->programs, program, link);
        TAILQ_INSERT_TAIL(may_grow ? &core->programs : &core->parked, program, link);
        program->parked = !may_grow;
        program->turn = CORE_TURN;
    }
    lower(core, program, core_turns_first(program));
}

void
core_program_waits(struct core *core, struct core_program *program)
{
    core->untried -= !program->waits;
    program->waits = true;
    look_again(core, program);
}

void
core_program_is_served(struct core *core, struct core_program *program)
{
    if (!program->parked) {
        note(core, program, false, false);
    }
}

void
core_program_remove_worker(struct core *core, struct core_program *program)
{
    if (program->workers-- == program->worker_max) {
        TAILQ_REMOVE(&core->capped, program, capped_link);
        program->stuck_since = 0;
    }
    look_again(core, program);
}

void
core_program_blocked(struct core *core, struct core_program *program, bool is_blocked)
{
    program->blocked += is_blocked;
    program->blocked -= !is_blocked;
    look_again(core, program);
}

uint32_t
core_program_more_workers(const struct core *core, const struct core_program *program)
{
    if (!core_program_may_grow(core, program)) {
        return 0;
    }
    uint32_t more = program->worker_max - program->workers;
    uint32_t awake = core->running_max - (program->workers - program->blocked);
    return more < awake ? more : awake;
}

/* ---- checking -------------------------------------------------------------------------------- */

static uint32_t
check_list(const struct core_program *program, const struct core_lane_list *list, uint32_t level)
{
    uint32_t ready = 0;
    const struct core_lane *lane;
    TAILQ_FOREACH(lane, list, link)
    {
        LODE_ASSERT(lane->program == program && lane->turn > 0 && lane->count > 0);
        LODE_ASSERT(lane->depth > 0 && level_of(lane) == level);
        ready += core_lane_check(lane);
    }
    return ready;
}

static uint32_t
check_levels(const struct core_program *program)
{
    uint32_t ready = core_lane_check(&program->lane);
    const struct core_deep *deep = program->deep;
    for (uint32_t level = 0; deep != NULL && level < CORE_LEVELS_MAX; level++) {
        const struct core_lane_list *lists = deep->part[level / PART];
        bool has_bit = (deep->levels[level / PART] >> level % PART & 1) != 0;
        bool has_lane = lists != NULL && !TAILQ_EMPTY(&lists[level % PART]);
        LODE_ASSERT(has_bit == has_lane);
        LODE_ASSERT((deep->levels[level / PART] != 0) == (deep->parts >> level / PART & 1));
        ready += has_lane ? check_list(program, &lists[level % PART], level) : 0;
    }
    return ready;
}

static uint32_t
check_program(const struct core_program *program)
{
    LODE_ASSERT(program->ready > 0 && program->turn > 0);
    LODE_ASSERT(check_levels(program) == program->ready);
    LODE_ASSERT(program->blocked <= program->workers);
    return program->ready;
}

uint64_t
core_turns_check(const struct core *core)
{
    uint64_t ready = 0;
    uint32_t hungry = 0, untried = 0;
    const struct core_program *program;
    TAILQ_FOREACH(program, &core->programs, link)
    {
        ready += check_program(program);
        LODE_ASSERT(!program->parked);
        LODE_ASSERT(!program->waits || core_program_may_grow(core, program));
        LODE_ASSERT(
            !program->waits ||
            core_resources_equal(
                core->least, core_resources_least(core->least, core_turns_first(program)->needs)));
        hungry += program->hungry;
        untried += !program->waits;
    }
    TAILQ_FOREACH(program, &core->parked, link)
    {
        ready += check_program(program);
        LODE_ASSERT(program->parked && program->waits && !program->hungry);
        LODE_ASSERT(!core_program_may_grow(core, program));
    }
    LODE_ASSERT(hungry == core->hungry && untried == core->untried);
    return ready;
}
