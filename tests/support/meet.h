/*
 * meet.h: two threads that do something at the same moment, to within some tens of nanoseconds. For
 * races that are decided by what still lies in a processor's store buffer: the threads have a CPU
 * each, and agree on the instant by the clock.
 *
 *     meet_find_cpus();
 *     meet_on(0);                       one thread              meet_on(1);        the other
 *     at = lode_now_ns() + MEET_LEAD_NS;
 *     atomic_store(&go, n);             tells of the instant    meet_await(&go, n, &stop);
 *     meet_at(at);                                              meet_at(at + some);
 *
 * On one CPU they never meet: meet_cpus is 1 then.
 */
#ifndef TESTS_SUPPORT_MEET_H
#define TESTS_SUPPORT_MEET_H

#include "api/base/clock.h"
#include "api/client/channel/index_reader.h"

#include <sched.h>
#include <stdatomic.h>
#include <stdbool.h>

enum {
    MEET_LEAD_NS = 600, /* what the other thread needs to learn of the instant */
    MEET_PATIENCE = 10000
};

/* How many the process may use, as far as a cpu_set_t has room for them; the first and the last. */
static int meet_cpus;
static int meet_cpu[2];

static inline void
meet_find_cpus(void)
{
    cpu_set_t cpus;
    if (sched_getaffinity(0, sizeof cpus, &cpus) != 0) {
        return;
    }
    for (int i = 0; i < CPU_SETSIZE; i++) {
        if (CPU_ISSET(i, &cpus)) {
            meet_cpu[meet_cpus < 2 ? meet_cpus : 1] = i;
            meet_cpus++;
        }
    }
}

/* The two would never meet on one CPU, where a busy machine might put both. */
static inline void
meet_on(int which)
{
    cpu_set_t cpus;
    CPU_ZERO(&cpus);
    CPU_SET(meet_cpu[which], &cpus);
    if (meet_cpus >= 2) {
        (void)sched_setaffinity(0, sizeof cpus, &cpus);
    }
}

static inline void
meet_at(int64_t ns)
{
    while (lode_now_ns() < ns) {
    }
}

/* Until the other side has come that far. On one CPU it must be let run. False: stopped. */
static inline bool
meet_await(const _Atomic uint64_t *word, uint64_t value, const _Atomic bool *stop)
{
    for (uint32_t i = 1; atomic_load_explicit(word, memory_order_acquire) < value; i++) {
        if (atomic_load_explicit(stop, memory_order_relaxed)) {
            return false;
        }
        if (meet_cpus == 1 || i % MEET_PATIENCE == 0) {
            sched_yield();
        }
        lode_cpu_relax();
    }
    return true;
}

#endif
