#include "scheduler/core/state/tasks.h"

#include "scheduler/core/state/objects.h"
#include "scheduler/core/state/sessions.h"

enum { SLOT_BITS = 24, SLOTS_FIRST = 1024 };

/* ---- numbers -------------------------------------------------------------------------------- */

/* A free slot holds the number of the next one, shifted, with the low bit set. */
static uint32_t
slot_take(struct core *core)
{
    if (core->slot_free != 0) {
        uint32_t slot = core->slot_free - 1;
        core->slot_free = (uint32_t)((uintptr_t)core->slot[slot] >> 1);
        return slot;
    }
    if (core->slot_used == core->slot_room) {
        core->slot_room = core->slot_room ? 2 * core->slot_room : SLOTS_FIRST;
        core->slot = core_realloc(core->slot, core->slot_room * sizeof *core->slot);
    }
    return core->slot_used++;
}

static void
slot_give(struct core *core, uint32_t slot)
{
    core->slot[slot] = (struct core_task *)((uintptr_t)core->slot_free << 1 | 1);
    core->slot_free = slot + 1;
    if (core->task_pool.count == 0) {
        core->slot_used = core->slot_free = 0;
    }
}

void
core_tasks_tidy(struct core *core)
{
    if (core->task_pool.count == 0 && core->slot_room > SLOTS_FIRST) {
        core->slot_room = SLOTS_FIRST;
        core->slot = core_realloc(core->slot, SLOTS_FIRST * sizeof *core->slot);
    }
}

struct core_task *
core_task_at(const struct core *core, uint32_t slot)
{
    bool is_there = slot < core->slot_used && ((uintptr_t)core->slot[slot] & 1) == 0;
    return is_there ? core->slot[slot] : NULL;
}

struct core_task *
core_task_find(const struct core *core, uint64_t number)
{
    struct core_task *task =
        core_task_at(core, (uint32_t)(number & ((UINT64_C(1) << SLOT_BITS) - 1)));
    return task != NULL && task->number == number ? task : NULL;
}

/* Ages of up to 400 days in 32 bits, for which there is room in a task. */
enum { BORN_SHIFT = 23 };

static uint32_t
born_at(const struct core *core)
{
    return (uint32_t)((uint64_t)(core->now - core->started_ns) >> BORN_SHIFT);
}

int64_t
core_task_age_ns(const struct core *core, const struct core_task *task)
{
    return (int64_t)(uint32_t)(born_at(core) - task->born) << BORN_SHIFT;
}

struct core_task *
core_task_create(struct core *core, struct core_session *session, struct core_lane *lane)
{
    struct core_task *task = core_pool_take(&core->task_pool);
    memset(task, 0, offsetof(struct core_task, inline_bytes));
    uint32_t slot = slot_take(core);
    core->slot[slot] = task;
    task->number = ++core->serial << SLOT_BITS | slot;
    task->born = born_at(core);
    core_lane_join(lane, task);
    TAILQ_INSERT_TAIL(&lane->tasks, task, of_lane);
    session->task_count++;
    return task;
}

void
core_task_destroy(struct core *core, struct core_task *task)
{
    struct core_session *session = task->lane->session;
    core_objects_forget(core, task);
    TAILQ_REMOVE(&task->lane->tasks, task, of_lane);
    session->task_count--;
    if (task->has_nested || task->has_deadline) {
        core_lanes_leave_nested(core, task);
        core->deadlines.live -= task->has_deadline;
    }
    core_lane_leave(core, task->lane);
    if (task->bytes_size > CORE_INLINE_ARGS) {
        free(task->bytes);
    }
    uint32_t slot = (uint32_t)(task->number & ((UINT64_C(1) << SLOT_BITS) - 1));
    core_pool_give(&core->task_pool, task);
    slot_give(core, slot);
    if (session->ended) {
        core_session_settle(core, session);
    }
}

const struct core_program *
core_task_program(const struct core_task *task)
{
    return task->lane != NULL ? task->lane->program : NULL;
}

struct core_session *
core_task_audience(const struct core_task *task)
{
    const struct core_program *program = core_task_program(task);
    struct core_session *root = program != NULL ? program->root : NULL;
    return root != NULL && !root->ended && !root->is_worker ? root : NULL;
}

const char *
core_task_name(const struct core_task *task, char room[LODE_TASK_NAME_MAX + 1])
{
    if (task->name_size == 0) {
        return task->function != NULL ? task->function->name : "(unknown function)";
    }
    memcpy(room, task->bytes, task->name_size);
    room[task->name_size] = '\0';
    return room;
}
