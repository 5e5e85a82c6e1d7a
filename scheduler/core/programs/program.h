/*
 * program.h: a program and its lanes. A program is a session that is no worker's, with all that its
 * tasks submit in their turn. It lives as long as one of its lanes. Whose task goes next: turns.h.
 */
#ifndef LODE_SCHEDULER_CORE_PROGRAM_H
#define LODE_SCHEDULER_CORE_PROGRAM_H

#include "scheduler/core/parts/libraries.h"
#include "scheduler/core/programs/lane.h"

struct core;
struct core_session;

TAILQ_HEAD(core_worker_list, core_worker);
struct core_deep;

struct core_program {
    uint64_t number;             /* of its root session */
    int64_t pid;                 /* of that session's process */
    uint64_t key;                /* only processes that its tasks have started know it */
    struct core_session *root;   /* NULL: it is gone */
    bool ended;                  /* its root has: it stands in core.ended */
    struct core_lane lane;       /* what the root session submits */
    struct core_lane_list lanes; /* all of them, the own one first; the program lives as long */
    uint32_t ready;              /* tasks in its lanes */
    uint32_t turn;
    bool waits;                     /* has no ready task, or the first one has found no worker */
    bool hungry;                    /* of these: the program may have more workers … */
    bool parked;                    /* … or it may not, and stands aside */
    struct core_worker_list open;   /* its workers whose queues have room */
    uint32_t deep_lanes;            /* the other lanes with ready tasks: how many, */
    struct core_deep *deep;         /* and which; NULL: none ever had any */
    TAILQ_ENTRY(core_program) link; /* has ready tasks: core.programs, or core.parked */
    TAILQ_ENTRY(core_program) ended_link;
    TAILQ_ENTRY(core_program) fill_link; /* core.to_fill, */
    bool to_fill;                        /* … in which it stands */

    TAILQ_ENTRY(core_program) capped_link; /* core.capped, */
    bool capped; /* in which it stands: has all workers that it may have */

    struct core_names names; /* libraries that it has loaded */

    uint32_t worker_max; /* processes that may hold tasks of it at a time */
    uint32_t workers;    /* that do */
    uint32_t blocked;    /* of them */
    uint32_t for_room;   /* of these, those that wait for room in the store; once there are … */
    uint32_t room_max;   /* … so many, no more workers hold tasks of it (workers/relief.h) */
    int64_t room_since;  /* there are, tasks are ready, and nothing moves; 0: no */
    int64_t moved_at;    /* when a task of it left a worker, the last time */
    int64_t stuck_since; /* no more may be started, tasks are ready, and nothing moves; 0: no */
};
TAILQ_HEAD(core_program_list, core_program);

/* NULL: no memory. The session is its root. */
struct core_program *core_program_create(struct core_session *root, uint32_t worker_max,
                                         uint32_t room_max);

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

#endif
