#include "scheduler/core/state/deadlines.h"

#include "scheduler/core/state/tasks.h"

#include <stdlib.h>

enum { ROOM_FIRST = 64 };

/* ---- the heap: each entry is no later than the two at twice its place ------------------------ */

static void
rise(struct core_deadlines *d, uint32_t at)
{
    struct core_deadline moved = d->heap[at];
    for (; at > 0 && moved.when < d->heap[(at - 1) / 2].when; at = (at - 1) / 2) {
        d->heap[at] = d->heap[(at - 1) / 2];
    }
    d->heap[at] = moved;
}

static void
sink(struct core_deadlines *d, uint32_t at)
{
    struct core_deadline moved = d->heap[at];
    for (uint32_t child; (child = 2 * at + 1) < d->count; at = child) {
        child += child + 1 < d->count && d->heap[child + 1].when < d->heap[child].when;
        if (d->heap[child].when >= moved.when) {
            break;
        }
        d->heap[at] = d->heap[child];
    }
    d->heap[at] = moved;
}

/* ---- ended tasks ----------------------------------------------------------------------------- */

static struct core_task *
task_of(const struct core *core, const struct core_deadline *deadline)
{
    struct core_task *task = core_task_find(core, deadline->task);
    return task != NULL && task->has_deadline ? task : NULL;
}

static void
drop_ended(struct core *core)
{
    struct core_deadlines *d = &core->deadlines;
    uint32_t kept = 0;
    for (uint32_t i = 0; i < d->count; i++) {
        if (task_of(core, &d->heap[i]) != NULL) {
            d->heap[kept++] = d->heap[i];
        }
    }
    d->count = kept;
    for (uint32_t i = kept / 2; i-- > 0;) {
        sink(d, i);
    }
}

static void
resize(struct core_deadlines *d, uint32_t room)
{
    d->heap = core_realloc(d->heap, room * sizeof *d->heap);
    d->room = room;
}

/* What a burst took goes back. */
static void
give_room_back(struct core_deadlines *d)
{
    while (d->room > ROOM_FIRST && d->count < d->room / 8) {
        resize(d, d->room / 4 > ROOM_FIRST ? d->room / 4 : ROOM_FIRST);
    }
}

/* Room for one more. */
static void
make_room(struct core *core)
{
    struct core_deadlines *d = &core->deadlines;
    if (d->count < d->room) {
        return;
    }
    if (d->count / 2 > d->live) {
        drop_ended(core);
        give_room_back(d);
    }
    if (d->count >= d->room / 2) {
        resize(d, d->room > 0 ? 2 * d->room : ROOM_FIRST);
    }
}

static void
drop_first(struct core_deadlines *d)
{
    d->heap[0] = d->heap[--d->count];
    if (d->count > 0) {
        sink(d, 0);
    }
    give_room_back(d);
}

/* ---- what there is --------------------------------------------------------------------------- */

void
core_deadlines_add(struct core *core, struct core_task *task, int64_t when)
{
    struct core_deadlines *d = &core->deadlines;
    make_room(core);
    d->heap[d->count++] = (struct core_deadline){.when = when, .task = task->number};
    d->live++;
    task->has_deadline = true;
    rise(d, d->count - 1);
}

int64_t
core_deadlines_first(struct core *core)
{
    struct core_deadlines *d = &core->deadlines;
    while (d->count > 0 && task_of(core, &d->heap[0]) == NULL) {
        drop_first(d);
    }
    return d->count > 0 ? d->heap[0].when : 0;
}

struct core_task *
core_deadlines_take(struct core *core)
{
    struct core_deadlines *d = &core->deadlines;
    if (core_deadlines_first(core) == 0 || d->heap[0].when > core->now) {
        return NULL;
    }
    struct core_task *task = task_of(core, &d->heap[0]);
    task->has_deadline = false;
    d->live--;
    drop_first(d);
    return task;
}

void
core_deadlines_fini(struct core *core)
{
    free(core->deadlines.heap);
    core->deadlines = (struct core_deadlines){0};
}
