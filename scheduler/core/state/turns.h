/*
 * turns.h: programs, and whose task goes next.
 *
 * A program is a session that is no worker's, with all that its tasks submit in their turn.
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

#include "scheduler/core/state/lane.h"
#include "scheduler/core/state/libraries.h"

struct core;
struct core_session;
struct core_worker;

enum {
    CORE_TURN = 16,        /* tasks of one lane or program in a row, while others have some ready */
    CORE_LEVELS_MAX = 4096 /* levels below the first; what is deeper shares the last one */
};

struct core_deep;

struct core_program {
    uint64_t number;             /* of its root session */
    int64_t pid;                 /* of that session's process */
    struct core_session *root;   /* NULL: it is gone */
    bool ended;                  /* its root has: it stands in core.ended */
    struct core_lane lane;       /* what the root session submits */
    struct core_lane_list lanes; /* all of them, the own one first; the program lives as long */
    uint32_t ready;              /* tasks in its lanes */
    uint32_t turn;
    bool waits;                     /* has no ready task, or the first one has found no worker */
    bool hungry;                    /* of these: the program may have more workers … */
    bool parked;                    /* … or it may not, and stands aside */
    uint64_t round;                 /* the last dispatch() that has filled its workers' queues */
    struct core_deep *deep;         /* the other lanes with ready tasks; NULL: none ever had any */
    TAILQ_ENTRY(core_program) link; /* has ready tasks: core.programs, or core.parked */
    TAILQ_ENTRY(core_program) ended_link;

    TAILQ_ENTRY(core_program) capped_link; /* core.capped: has all workers that it may have */

    struct core_names names; /* libraries that it has loaded */

    uint32_t worker_max; /* processes that may hold tasks of it at a time */
    uint32_t workers;    /* that do */
    uint32_t blocked;    /* of them */
    int64_t moved_at;    /* when a task of it left a worker, the last time */
    int64_t stuck_since; /* no more may be started, tasks are ready, and nothing moves; 0: no */
};
TAILQ_HEAD(core_program_list, core_program);

/* NULL: no memory. The session is its root. */
struct core_program *core_program_create(struct core_session *root, uint32_t worker_max);

/* The root has ended; its tasks may be there yet. */
void core_program_end(struct core *core, struct core_program *program);

/* The root session goes. The program goes with the last of its lanes. */
void core_program_leave(struct core *core, struct core_program *program);

/*
 * The lane of what this task submits through that session: its worker's, or one that was opened in
 * the task. Each attempt has others. The task leaves them when it ends; a lane goes with the last
 * of its tasks.
 */
struct core_lane *core_lane_below(struct core_task *task, struct core_session *session);

/* A lane for one task, whose submitter has ended: a task of that program. */
struct core_lane *core_lane_behind(struct core_program *program, struct core_session *session,
                                   uint64_t owner);

/* The task has ended: it leaves the lanes of what it has submitted. */
void core_lanes_leave_nested(struct core *core, struct core_task *task);

/* The session goes. Its lanes may be there yet, for tasks that own them; none has tasks. */
void core_lanes_leave_session(struct core *core, struct core_session *session);

/* Nobody uses it any more. */
void core_lane_free(struct core *core, struct core_lane *lane);

/* One user fewer: a task that has ended, or the lane's owner. */
static inline void
core_lane_leave(struct core *core, struct core_lane *lane)
{
    if (--lane->users == 0) {
        core_lane_free(core, lane);
    }
}

/* The task is ready: it stands in its lane, and its lane among those that take turns. */
void core_turns_add(struct core *core, struct core_task *task);

/* Takes a ready task out, wherever it stands. */
void core_turns_remove(struct core *core, struct core_task *task);

/* The task of the program that goes next; the program has ready tasks. */
struct core_task *core_turns_first(const struct core_program *program);

/* A task of that lane was placed, which is not the program's own. After a turn it goes behind. */
void core_lane_used(struct core_lane *lane);

/* A task of the program was placed. True: its turn is over, and it has gone behind the others. */
bool core_program_used(struct core *core, struct core_program *program);

/*
 * How many more workers may hold tasks of the program (core_program_may_grow(): any). Two limits:
 * `worker_max` for all of them, and one for those that are not blocked. Tasks that need little or
 * no CPU would else start as many processes as there are tasks.
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

/* One of its workers is blocked, or is not any more. */
void core_program_blocked(struct core *core, struct core_program *program, bool is_blocked);

/* Asserts what must hold; gives the number of ready tasks of all programs. For core_check(). */
uint64_t core_turns_check(const struct core *core);

#endif
