/*
 * turns.h: whose task goes next.
 *
 * Programs that have ready tasks take turns. Within a program the deepest level goes first: what a
 * task waits for goes before tasks that would wait themselves, so that as few workers as possible
 * are blocked. Within a level the lanes take turns, and within a lane the order never changes
 * (lane.h).
 *
 * On fork-join trees (each task submits its children, waits for all, and ends) no more tasks are
 * blocked than the depth of the tree times the CPUs. A task starts only if no deeper one is ready.
 * Then each blocked task has a descendant that runs, a different one for each of the same depth.
 */
#ifndef LODE_SCHEDULER_CORE_TURNS_H
#define LODE_SCHEDULER_CORE_TURNS_H

#include "scheduler/core/programs/program.h"

enum {
    CORE_TURN = 16,        /* tasks of one lane or program in a row, while others have some ready */
    CORE_LEVELS_MAX = 4096 /* levels below the first; what is deeper shares the last one */
};

/* The task is ready: it stands in its lane, and its lane among those that take turns. */
void core_turns_add(struct core *core, struct core_task *task);

/* Takes a ready task out, wherever it stands. */
void core_turns_remove(struct core *core, struct core_task *task);

/* The same, if tasks have submitted some of those that are ready. */
struct core_task *core_turns_deepest(const struct core_program *program);

/* The task of the program that goes next; the program has ready tasks. */
static inline struct core_task *
core_turns_first(const struct core_program *program)
{
    return program->deep_lanes == 0 ? core_lane_first(&program->lane) : core_turns_deepest(program);
}

/* A task of that lane was placed, which is not the program's own. After a turn it goes behind. */
void core_lane_used(struct core_lane *lane);

/* A task of the program was placed. True: its turn is over, and it has gone behind the others. */
bool core_program_used(struct core *core, struct core_program *program);

/*
 * How many more workers may hold tasks of the program (core_program_may_grow(): any). Three limits:
 * `worker_max` for all of them, one for those that are not blocked, and one for those that wait for
 * room in the store. Tasks that need little or no CPU, or that a full store holds up, would else
 * start as many processes as there are tasks.
 */
uint32_t core_program_more_workers(const struct core *core, const struct core_program *program);

/*
 * The program's first task has found no worker; or it has found one. A program that waits, and may
 * have no more workers, stands aside (core.parked) until it may: it hides no other that needs one.
 */
void core_program_waits(struct core *core, struct core_program *program);
void core_program_is_served(struct core *core, struct core_program *program);

/* One worker more holds tasks of the program, or one fewer. */
void core_program_add_worker(struct core *core, struct core_program *program);
void core_program_remove_worker(struct core *core, struct core_program *program);

/* One of its workers is blocked, as one that waits for room or not, or is not any more. */
void core_program_blocked(struct core *core, struct core_program *program, bool is_blocked,
                          bool for_room);

/* One more may wait for room than do, until fewer do than always may. */
void core_program_let_wait_for_room(struct core *core, struct core_program *program);

/* The program goes: it has no ready tasks. */
void core_turns_fini(struct core_program *program);

/* Asserts what must hold; gives the number of ready tasks of all programs. For core_check(). */
uint64_t core_turns_check(const struct core *core);

#endif
