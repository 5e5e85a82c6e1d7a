/*
 * lane.h: the tasks of one owner, in the order of their submission. A program owns a lane, and so
 * does each running task that has submitted some itself. Whose turn it is among lanes: turns.h.
 *
 * The one rule: the order within a lane never changes. A task draws a ticket when it is submitted,
 * and keeps it as long as it lives. A task that had to wait for an argument, or that comes back
 * from a worker, goes before every ready task that was submitted after it. It does not hold those
 * up: a lane's first task is the first one that is ready.
 *
 * Most tasks become ready in the order of their tickets. Those stand in a list, and cost nothing
 * but its links. The others, the late ones, stand in a pairing heap: thousands of tasks whose
 * arguments come in any order cost O(log n) each. The first task of the lane is the smaller of the
 * two firsts.
 */
#ifndef LODE_SCHEDULER_CORE_LANE_H
#define LODE_SCHEDULER_CORE_LANE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/queue.h>

struct core_program;
struct core_session;
struct core_task;

TAILQ_HEAD(core_task_list, core_task);

struct core_lane {
    struct core_task_list ordered;
    struct core_task *late; /* the root of the heap; NULL: there is none */
    uint64_t tickets;       /* that were drawn */
    uint32_t count;         /* of ready tasks */

    struct core_program *program;
    struct core_session *session; /* that submits what is here; NULL: it is gone */
    struct core_task_list tasks;  /* all live ones, ready or not, in the order of submission */
    uint64_t owner; /* number of the task that submits what is here; 0: the program itself does */
    struct core_task *parent; /* that task; NULL: it has ended, or there is none */
    uint32_t
        depth; /* of the tasks here: 0 if the program itself submits them, else their owner's + 1 */
    uint32_t users;              /* its live tasks, and its owner */
    uint32_t turn;               /* tasks that are left of this turn */
    TAILQ_ENTRY(core_lane) link; /* with ready tasks: among those of its level; see turns.h */
    TAILQ_ENTRY(core_lane) of_program, of_session; /* their lists of lanes */
    struct core_lane *sibling; /* the owner's next one, through another session */
};
TAILQ_HEAD(core_lane_list, core_lane);

/* A task's place in its lane. Part of every task. */
struct core_ticket {
    uint64_t number;         /* the smallest one goes first */
    struct core_task *child; /* late: its first child in the heap */
};

/* Of a late task: `before` is its left sibling in the heap, or the parent of the first child. */
struct core_late {
    struct core_task *before, *next;
};

/*
 * `lane` belongs to the program and the session from now on, and has one user: its owner. It is in
 * the list of neither.
 */
void core_lane_init(struct core_lane *lane, struct core_program *program,
                    struct core_session *session, uint32_t depth);

/* The task is born into the lane: it draws its ticket, and is not ready yet. */
void core_lane_join(struct core_lane *lane, struct core_task *task);

/* The task is ready: it stands in the lane from now on. */
void core_lane_add(struct core_lane *lane, struct core_task *task);

/* Takes a ready task out, wherever it stands. */
void core_lane_remove(struct core_lane *lane, struct core_task *task);

/* The same, if some are late. */
struct core_task *core_lane_first_or_late(const struct core_lane *lane);

/* The ready task whose turn it is; NULL: none is ready. */
static inline struct core_task *
core_lane_first(const struct core_lane *lane)
{
    return lane->late == NULL ? TAILQ_FIRST(&lane->ordered) : core_lane_first_or_late(lane);
}

/* Asserts what must hold in a lane; gives the number of its ready tasks. For core_check(). */
uint32_t core_lane_check(const struct core_lane *lane);

#endif
