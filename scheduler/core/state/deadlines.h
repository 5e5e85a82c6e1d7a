/*
 * deadlines.h: tasks that have a time limit, and when it is over: a heap of task numbers, the
 * nearest deadline first.
 *
 * A task that ends stays in the heap: taking it out would cost each of them O(log n), and nearly
 * all end in time. Once most of the heap is of ended tasks, it is made anew without them. So it is
 * never larger than a few times the tasks that live.
 */
#ifndef LODE_SCHEDULER_CORE_DEADLINES_H
#define LODE_SCHEDULER_CORE_DEADLINES_H

#include <stdint.h>

struct core;
struct core_task;

struct core_deadline {
    int64_t when;
    uint64_t task;
};

struct core_deadlines {
    struct core_deadline *heap;
    uint32_t count, room;
    uint32_t live; /* tasks that have one: has_deadline */
};

/* The task's limit is over at `when`. It has no other one. */
void core_deadlines_add(struct core *core, struct core_task *task, int64_t when);

/* A task whose limit is over now; it is not given again. NULL: there is none. */
struct core_task *core_deadlines_take(struct core *core);

/* The nearest deadline of a task that lives; 0: there is none. */
int64_t core_deadlines_first(struct core *core);

void core_deadlines_fini(struct core *core);

#endif
