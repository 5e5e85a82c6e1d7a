#include "scheduler/core/programs/turns.h"

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
    program->deep_lanes++;
    TAILQ_INSERT_TAIL(list_of(program, lane), lane, link);
}

static void
leave(struct core_program *program, struct core_lane *lane)
{
    struct core_lane_list *list = list_of(program, lane);
    TAILQ_REMOVE(list, lane, link);
    program->deep_lanes--;
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

/* Of the lane whose turn it is at the deepest level that has any. */
struct core_task *
core_turns_deepest(const struct core_program *program)
{
    const struct core_deep *deep = program->deep;
    uint32_t part = highest(deep->parts);
    return core_lane_first(TAILQ_FIRST(&deep->part[part][highest(deep->levels[part])]));
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

/* What more there is to do if it is the only one that is ready, or the program waits. */
static __attribute__((noinline)) void
note_added(struct core *core, struct core_program *program, struct core_task *task)
{
    struct core_lane *lane = task->lane;
    if (lane->count == 0 && lane->depth > 0) {
        enter(program, lane);
    }
    if (!TAILQ_EMPTY(&program->open)) {
        core_program_fill(core, program);
    }
    if (program->ready == 1) {
        program->turn = CORE_TURN;
        TAILQ_INSERT_TAIL(&core->programs, program, link);
        note(core, program, false, false);
        core->pool_changed = core->pool_changed || program->blocked > 0;
    } else if (program->waits) {
        lower(core, program, task);
    }
}

/* True if nothing changes but the lane: it has others, and nobody is to look at the program. */
static inline bool
is_one_of_many(const struct core_program *program, const struct core_lane *lane)
{
    return lane->count > 0 && !program->waits && (TAILQ_EMPTY(&program->open) || program->to_fill);
}

void
core_turns_add(struct core *core, struct core_task *task)
{
    struct core_lane *lane = task->lane;
    struct core_program *program = lane->program;
    program->ready++;
    if (!is_one_of_many(program, lane)) {
        note_added(core, program, task);
    }
    core_lane_add(lane, task);
}

static __attribute__((noinline)) void
note_removed(struct core *core, struct core_program *program, struct core_lane *lane)
{
    if (lane->count == 0 && lane->depth > 0) {
        leave(program, lane);
    }
    if (program->ready == 0) {
        TAILQ_REMOVE(program->parked ? &core->parked : &core->programs, program, link);
        program->parked = false;
        note(core, program, true, false);
        program->stuck_since = program->room_since = 0;
        return;
    }
    if (!TAILQ_EMPTY(&program->open)) {
        core_program_fill(core, program);
    }
    if (program->waits) {
        lower(core, program, core_turns_first(program));
    }
}

void
core_turns_remove(struct core *core, struct core_task *task)
{
    struct core_lane *lane = task->lane;
    struct core_program *program = lane->program;
    program->ready--;
    core_lane_remove(lane, task);
    if (!is_one_of_many(program, lane)) {
        note_removed(core, program, lane);
    }
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

static bool
has_all_workers(const struct core_program *program)
{
    return program->workers >= program->worker_max || program->for_room >= program->room_max;
}

static inline void
note_capped(struct core *core, struct core_program *program)
{
    bool is_capped = has_all_workers(program);
    if (is_capped == program->capped) {
        return;
    }
    program->capped = is_capped;
    if (is_capped) {
        TAILQ_INSERT_TAIL(&core->capped, program, capped_link);
    } else {
        TAILQ_REMOVE(&core->capped, program, capped_link);
        program->room_since = 0;
    }
}

void
core_program_add_worker(struct core *core, struct core_program *program)
{
    program->workers++;
    note_capped(core, program);
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
        program->stuck_since = 0;
    }
    note_capped(core, program);
    look_again(core, program);
}

void
core_program_blocked(struct core *core, struct core_program *program, bool is_blocked,
                     bool for_room)
{
    program->blocked += is_blocked;
    program->blocked -= !is_blocked;
    program->for_room += is_blocked && for_room;
    program->for_room -= !is_blocked && for_room;
    if (program->for_room < core->running_max) {
        program->room_max = core->running_max;
    }
    note_capped(core, program);
    look_again(core, program);
}

void
core_program_let_wait_for_room(struct core *core, struct core_program *program)
{
    program->room_max = program->for_room + 1;
    note_capped(core, program);
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
    uint32_t wait = program->room_max - program->for_room;
    more = more < awake ? more : awake;
    return more < wait ? more : wait;
}

void
core_turns_fini(struct core_program *program)
{
    for (uint32_t i = 0; program->deep != NULL && i < PARTS; i++) {
        free(program->deep->part[i]);
    }
    free(program->deep);
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
    LODE_ASSERT(program->for_room <= program->blocked);
    LODE_ASSERT(program->capped == has_all_workers(program));
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
