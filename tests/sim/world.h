/*
 * world.h: everything around the scheduler's core that the simulator stands in for: programs,
 * workers, the store, the supervisor, links that delay, and death. All chance comes from one seed.
 *
 * What must hold is asserted where it can be seen: in world_… as things happen, in core_check()
 * after each step, and in world_end() when nothing more is under way.
 */
#ifndef LODE_TESTS_SIM_WORLD_H
#define LODE_TESTS_SIM_WORLD_H

#include "scheduler/core/check.h"
#include "scheduler/core/core.h"
#include "scheduler/core/stats.h"

struct sim_world;

struct sim_options {
    uint64_t seed;
    uint64_t steps; /* events after which no program submits any more */
    bool verbose;
    /*
     * Nothing fails: programs submit fork-join trees. Each task submits its children, waits for all
     * of them, and ends. Asserted: no more tasks of a program are blocked than the depth times
     * the CPUs, but for tasks of functions about which this is not known yet.
     */
    bool trees;
    /*
     * Nothing fails: each task of a program waits for the one that was submitted after it, and the
     * program may have fewer workers than tasks. So it is stuck, and calls have to give up.
     */
    bool ladders;
};

/* Counts of what a run has seen: a run that saw none of something has not tested it. */
/* clang-format off */
#define SIM_COUNT_MAP(X)                                                                          \
    X(submitted) X(repeated) X(ran) X(crashed) X(blocked) X(missing) X(recalled) X(bounced)       \
    X(errors) X(settled) X(notified) X(abandoned) X(cancelled) X(sessions_ended) X(late)          \
    X(start_failures) X(chained) X(lost) X(forked) X(gave_up)             \
    X(timed_out) X(looped)
/* clang-format on */

struct sim_counts {
#define SIM_COUNT_FIELD(name) uint64_t name;
    SIM_COUNT_MAP(SIM_COUNT_FIELD)
#undef SIM_COUNT_FIELD
};

/* Runs one world from its seed to the end. A broken rule aborts, after the seed was printed. */
void sim_run(const struct sim_options *options, struct sim_counts *counts_io);

#endif
