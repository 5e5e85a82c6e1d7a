/*
 * figures.h: a line of what a get, a put and a task cost here. Needs 3 MB of the store, not more.
 */
#ifndef TESTS_BENCH_DEMO_FIGURES_H
#define TESTS_BENCH_DEMO_FIGURES_H

#include <lode/lode.h>

struct figures {
    double get_ns;      /* of 1 KiB that is there: found, pinned, released */
    double put_ns;      /* of 1 KiB, in bursts, each dropped again */
    double put_1mib_us; /* of 1 MiB, warm */
    double task_us;     /* blas.sum of eight numbers, there and back */
    double tasks_per_s; /* the same, many at once */
};

LODE_MUST_CHECK lode_err figures_measure(lode *db, struct figures *figures_out);

#endif
