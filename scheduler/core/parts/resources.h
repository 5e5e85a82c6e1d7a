/*
 * resources.h: what a task needs while it runs, what a worker holds while it has tasks, and what
 * the cluster has. CPUs are the only kind; whoever adds a second kind adds it to these functions,
 * and nothing else in the core changes.
 */
#ifndef LODE_SCHEDULER_CORE_RESOURCES_H
#define LODE_SCHEDULER_CORE_RESOURCES_H

#include <stdbool.h>
#include <stdint.h>

struct core_resources {
    uint64_t cpus; /* in 1 / LODE_CPU_UNIT */
};

static inline bool
core_resources_equal(struct core_resources a, struct core_resources b)
{
    return a.cpus == b.cpus;
}

/* True if nothing is needed: then it always fits, however much is in use. */
static inline bool
core_resources_none(struct core_resources needs)
{
    return needs.cpus == 0;
}

static inline struct core_resources
core_resources_add(struct core_resources a, struct core_resources b)
{
    return (struct core_resources){.cpus = a.cpus + b.cpus};
}

/* More than any task needs; it never fits. */
static inline struct core_resources
core_resources_endless(void)
{
    return (struct core_resources){.cpus = UINT64_MAX / 2};
}

/* Of each kind the smaller one: if that does not fit, neither of both does. */
static inline struct core_resources
core_resources_least(struct core_resources a, struct core_resources b)
{
    return a.cpus < b.cpus ? a : b;
}

/* `b` must be part of `a`. */
static inline struct core_resources
core_resources_sub(struct core_resources a, struct core_resources b)
{
    return (struct core_resources){.cpus = a.cpus - b.cpus};
}

/*
 * True if `needs` fits beside what is in use. More than all can be in use: a task that was blocked
 * goes on at once, also if others have its CPUs meanwhile.
 */
static inline bool
core_resources_fit(struct core_resources all, struct core_resources used,
                   struct core_resources needs)
{
    return core_resources_none(needs) || used.cpus + needs.cpus <= all.cpus;
}

/* True if nothing fits that needs anything. */
static inline bool
core_resources_full(struct core_resources all, struct core_resources used)
{
    return used.cpus >= all.cpus;
}

/* How many times `needs` fits beside what is in use, at most `most`. */
static inline uint64_t
core_resources_times(struct core_resources all, struct core_resources used,
                     struct core_resources needs, uint64_t most)
{
    if (core_resources_none(needs)) {
        return most;
    }
    uint64_t times = used.cpus > all.cpus ? 0 : (all.cpus - used.cpus) / needs.cpus;
    return times < most ? times : most;
}

#endif
