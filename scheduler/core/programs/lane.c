#include "scheduler/core/programs/lane.h"

#include "scheduler/core/state/state.h"

/* ---- the heap of late tasks ------------------------------------------------------------------ */

static bool
goes_before(const struct core_task *a, const struct core_task *b)
{
    return a->ticket.number < b->ticket.number;
}

/* Joins two heaps: the root that goes later becomes the first child of the other one. */
static struct core_task *
meld(struct core_task *a, struct core_task *b)
{
    if (a == NULL || b == NULL) {
        return a != NULL ? a : b;
    }
    struct core_task *first = goes_before(a, b) ? a : b, *second = first == a ? b : a;
    second->late.before = first;
    second->late.next = first->ticket.child;
    if (first->ticket.child != NULL) {
        first->ticket.child->late.before = second;
    }
    first->ticket.child = second;
    first->late.before = first->late.next = NULL;
    return first;
}

/* The heap of a task's children, without the task: in pairs from the left, then from the right. */
static struct core_task *
meld_children(struct core_task *task)
{
    struct core_task *pairs = NULL, *child = task->ticket.child;
    while (child != NULL) {
        struct core_task *second = child->late.next;
        struct core_task *rest = second != NULL ? second->late.next : NULL;
        struct core_task *pair = meld(child, second);
        pair->late.next = pairs; /* a list from the right to the left, through `next` */
        pairs = pair;
        child = rest;
    }
    struct core_task *root = NULL;
    while (pairs != NULL) {
        struct core_task *next = pairs->late.next;
        root = meld(root, pairs);
        pairs = next;
    }
    if (root != NULL) {
        root->late.before = root->late.next = NULL;
    }
    return root;
}

static void
cut_out(struct core_task *task)
{
    struct core_task *before = task->late.before, *next = task->late.next;
    if (before->ticket.child == task) {
        before->ticket.child = next;
    } else {
        before->late.next = next;
    }
    if (next != NULL) {
        next->late.before = before;
    }
}

static void
heap_add(struct core_lane *lane, struct core_task *task)
{
    task->late = (struct core_late){NULL, NULL};
    task->ticket.child = NULL;
    task->is_late = true;
    lane->late = meld(lane->late, task);
}

static void
heap_remove(struct core_lane *lane, struct core_task *task)
{
    struct core_task *children = meld_children(task);
    if (lane->late == task) {
        lane->late = children;
    } else {
        cut_out(task);
        lane->late = meld(lane->late, children);
    }
    task->is_late = false;
}

/* ---- lanes ----------------------------------------------------------------------------------- */

void
core_lane_init(struct core_lane *lane, struct core_program *program, struct core_session *session,
               uint32_t depth)
{
    *lane = (struct core_lane){.program = program, .session = session, .depth = depth, .users = 1};
    TAILQ_INIT(&lane->ordered);
    TAILQ_INIT(&lane->tasks);
}

void
core_lane_join(struct core_lane *lane, struct core_task *task)
{
    lane->users++;
    task->lane = lane;
    task->ticket = (struct core_ticket){.number = ++lane->tickets};
}

void
core_lane_add(struct core_lane *lane, struct core_task *task)
{
    struct core_task *last = TAILQ_LAST(&lane->ordered, core_task_list);
    if (last == NULL || goes_before(last, task)) {
        TAILQ_INSERT_TAIL(&lane->ordered, task, link);
    } else if (goes_before(task, TAILQ_FIRST(&lane->ordered))) {
        TAILQ_INSERT_HEAD(&lane->ordered, task, link); /* as a rule it came back from a worker */
    } else {
        heap_add(lane, task);
    }
    lane->count++;
}

void
core_lane_remove(struct core_lane *lane, struct core_task *task)
{
    if (task->is_late) {
        heap_remove(lane, task);
    } else {
        TAILQ_REMOVE(&lane->ordered, task, link);
    }
    lane->count--;
}

struct core_task *
core_lane_first_or_late(const struct core_lane *lane)
{
    struct core_task *first = TAILQ_FIRST(&lane->ordered);
    return first == NULL || goes_before(lane->late, first) ? lane->late : first;
}

/* ---- checking -------------------------------------------------------------------------------- */

static void
check_late(const struct core_lane *lane, const struct core_task *task)
{
    LODE_ASSERT(task->is_late && task->lane == lane);
    LODE_ASSERT(task->state == CORE_TASK_READY);
    for (const struct core_task *child = task->ticket.child; child != NULL;
         child = child->late.next) {
        LODE_ASSERT(goes_before(task, child));
    }
}

/* Walks the heap without recursion, which a test's thousands of late tasks would make deep. */
static uint32_t
count_late(const struct core_lane *lane)
{
    const struct core_task *task = lane->late;
    uint32_t count = 0;
    while (task != NULL) {
        check_late(lane, task);
        count++;
        if (task->ticket.child != NULL) {
            task = task->ticket.child;
            continue;
        }
        while (task != NULL && task->late.next == NULL) { /* up to the parent */
            while (task->late.before != NULL && task->late.before->ticket.child != task) {
                task = task->late.before;
            }
            task = task->late.before;
        }
        task = task != NULL ? task->late.next : NULL;
    }
    return count;
}

uint32_t
core_lane_check(const struct core_lane *lane)
{
    uint32_t count = 0;
    const struct core_task *task, *before = NULL;
    TAILQ_FOREACH(task, &lane->ordered, link)
    {
        LODE_ASSERT(task->state == CORE_TASK_READY && task->lane == lane);
        LODE_ASSERT(!task->is_late);
        LODE_ASSERT(before == NULL || goes_before(before, task));
        before = task;
        count++;
    }
    count += count_late(lane);
    LODE_ASSERT(count == lane->count);
    return count;
}
