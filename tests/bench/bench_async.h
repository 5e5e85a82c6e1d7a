/* bench_async.h: what the cases of many tasks at once share: who pays how much for a task. */
#ifndef LODE_TESTS_BENCH_ASYNC_H
#define LODE_TESTS_BENCH_ASYNC_H

#include "tests/bench/bench.h"

enum { BENCH_ROLES = 4 }; /* submitter (this process), store, scheduler, workers */

/* So far: CPU time of each role, and of all processes; voluntary context switches of all. */
struct bench_shares {
    double us[BENCH_ROLES], all_us;
    uint64_t switches;
};

struct bench_shares bench_shares(const struct bench *bench);

/* One line for each role: its CPU time since `before`, a task. */
void bench_emit_shares(const struct bench *bench, const char *name,
                       const struct bench_shares *before, double tasks);

/* Submits `count` tasks that do nothing, then gets the result of each. Returns tasks a second. */
double bench_all_at_once(lode *db, lode_id *ids, int count);

#endif
