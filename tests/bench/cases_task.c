/* The scheduler's cases: one task after the other, trees and chains of them. */
#include "tests/bench/bench.h"

#include <stdlib.h>
#include <string.h>

enum { FAN = 100, WAITED = 1000, SHAPE_ROUNDS = 30 };

/* ---- one after the other -------------------------------------------------------------------- */

static double
one_task(lode *db)
{
    lode_id id;
    lode_view view;
    double start = bench_now_us();
    MUST(lode_call(db, "bench.noop", LODE_NO_ARGS, NULL, &id));
    MUST(lode_get(db, id, LODE_FOREVER, &view));
    double us = bench_now_us() - start;
    lode_release(&view);
    lode_drop(db, id);
    return us;
}

/* Sorted samples of `rounds` tasks; the caller frees them. */
static double *
sync_samples(lode *db, int rounds)
{
    double *us = calloc((size_t)rounds, sizeof *us);
    for (int i = -rounds / 10; i < rounds; i++) {
        double one = one_task(db);
        if (i >= 0) {
            us[i] = one;
        }
    }
    return us;
}

void
case_task_sync(struct bench *bench)
{
    int rounds = bench_rounds(bench, 10000);
    struct floor_latency floor = floor_task_skeleton(rounds);
    bench_open(bench, 0, 0, true);
    uint64_t switches = bench_switches(bench);
    double cpu = bench_cpu_us(bench);
    double *us = sync_samples(bench->db, rounds);
    cpu = bench_cpu_us(bench) - cpu;
    switches = bench_switches(bench) - switches;
    bench_close(bench);
    bench_sort(us, rounds);
    double median = bench_at(us, rounds, 0.5);
    struct bench_line line = {.name = "task_sync",
                              .unit = "us",
                              .value = median,
                              .p99 = bench_at(us, rounds, 0.99),
                              .cpus = bench->cpus,
                              .floor_name = "skeleton",
                              .floor = floor.median_us,
                              .ratio = median / floor.median_us,
                              .switches = (double)switches / (rounds + rounds / 10),
                              .cpu_us = cpu / (rounds + rounds / 10),
                              .counted = true};
    bench_emit(&line);
    free(us);
}

/* ---- shapes --------------------------------------------------------------------------------- */

static lode_id
map_once(lode *db)
{
    lode_id ids[FAN];
    int64_t sum = 0;
    for (int i = 0; i < FAN; i++) {
        MUST(lode_call(db, "bench.inc", LODE_ARGS(lode_i64(i)), NULL, &ids[i]));
    }
    for (int i = 0; i < FAN; i++) {
        int64_t value;
        MUST(lode_get_i64(db, ids[i], LODE_FOREVER, &value));
        lode_drop(db, ids[i]);
        sum += value;
    }
    bench_must(sum == FAN * (FAN + 1) / 2 ? LODE_OK : LODE_ECORRUPT, "map_100");
    return (lode_id){{0}};
}

/* A node of the tree: a number, or the id of the sum of what is below it. */
static lode_arg
tree(lode *db, int64_t first, int64_t count, lode_id *id_out)
{
    lode_id left = {{0}}, right = {{0}};
    if (count == 1) {
        *id_out = left;
        return lode_i64(first);
    }
    lode_arg a = tree(db, first, count / 2, &left);
    lode_arg b = tree(db, first + count / 2, count - count / 2, &right);
    MUST(lode_call(db, "bench.add", LODE_ARGS(a, b), NULL, id_out));
    lode_drop(db, left);
    lode_drop(db, right);
    return lode_ref(*id_out);
}

static lode_id
tree_once(lode *db)
{
    lode_id sum;
    (void)tree(db, 1, FAN, &sum);
    return sum;
}

static lode_id
chain_once(lode *db)
{
    lode_id sum, next;
    MUST(lode_call(db, "bench.add", LODE_ARGS(lode_i64(1), lode_i64(2)), NULL, &sum));
    for (int64_t i = 3; i <= FAN; i++) {
        MUST(lode_call(db, "bench.add", LODE_ARGS(lode_ref(sum), lode_i64(i)), NULL, &next));
        lode_drop(db, sum);
        sum = next;
    }
    return sum;
}

/* The sum that a shape ends in, if it ends in one. */
static void
take_sum(lode *db, lode_id id, const char *name)
{
    int64_t value;
    if (lode_id_is_zero(id)) {
        return;
    }
    MUST(lode_get_i64(db, id, LODE_FOREVER, &value));
    lode_drop(db, id);
    bench_must(value == FAN * (FAN + 1) / 2 ? LODE_OK : LODE_ECORRUPT, name);
}

static void
case_shape(struct bench *bench, const char *name, lode_id (*once)(lode *db))
{
    double ms[SHAPE_ROUNDS];
    bench_open(bench, 0, 0, true);
    int rounds = bench_rounds(bench, 2000);
    double *us = sync_samples(bench->db, rounds);
    bench_sort(us, rounds);
    double sync_ms = bench_at(us, rounds, 0.5) / 1e3;
    free(us);
    take_sum(bench->db, once(bench->db), name);
    uint64_t switches = bench_switches(bench);
    for (int i = 0; i < SHAPE_ROUNDS; i++) {
        double start = bench_now_us();
        take_sum(bench->db, once(bench->db), name);
        ms[i] = (bench_now_us() - start) / 1e3;
    }
    switches = bench_switches(bench) - switches;
    bench_sort(ms, SHAPE_ROUNDS);
    double median = bench_at(ms, SHAPE_ROUNDS, 0.5);
    struct bench_line line = {.name = name,
                              .unit = "ms",
                              .value = median,
                              .p99 = ms[SHAPE_ROUNDS - 1],
                              .cpus = bench->cpus,
                              .floor_name = "task_sync",
                              .floor = sync_ms,
                              .ratio = median / sync_ms,
                              .switches = (double)switches / SHAPE_ROUNDS,
                              .counted = true};
    bench_emit(&line);
    bench_close(bench);
}

void
case_map_100(struct bench *bench)
{
    case_shape(bench, "map_100", map_once);
}

void
case_tree_reduce_100(struct bench *bench)
{
    case_shape(bench, "tree_reduce_100", tree_once);
}

void
case_chain_reduce_100(struct bench *bench)
{
    case_shape(bench, "chain_reduce_100", chain_once);
}

/* ---- waiting for one at a time -------------------------------------------------------------- */

static double
wait_one_at_a_time(lode *db)
{
    static lode_id ids[WAITED];
    static bool ready[WAITED];
    size_t left = WAITED;
    double start = bench_now_us();
    for (int i = 0; i < WAITED; i++) {
        MUST(lode_call(db, "bench.noop", LODE_NO_ARGS, NULL, &ids[i]));
    }
    while (left > 0) {
        size_t first = 0;
        MUST(lode_wait(db, ids, left, 1, LODE_FOREVER, ready, NULL));
        while (!ready[first]) {
            first++;
        }
        lode_drop(db, ids[first]);
        memmove(&ids[first], &ids[first + 1], (--left - first) * sizeof ids[0]);
    }
    return (bench_now_us() - start) / 1e6;
}

/* The same with a wait set. */
static double
take_one_at_a_time(lode *db)
{
    static lode_id ids[WAITED];
    lode_waitset *set;
    double start = bench_now_us();
    for (int i = 0; i < WAITED; i++) {
        MUST(lode_call(db, "bench.noop", LODE_NO_ARGS, NULL, &ids[i]));
    }
    MUST(lode_waitset_open(db, &set));
    MUST(lode_waitset_add(set, ids, WAITED));
    for (int i = 0; i < WAITED; i++) {
        lode_id id;
        size_t count;
        MUST(lode_waitset_take(set, LODE_FOREVER, &id, 1, &count));
        lode_drop(db, id);
    }
    lode_waitset_close(set);
    return (bench_now_us() - start) / 1e6;
}

static void
wait_1k(struct bench *bench, const char *variant, double (*once)(lode *db))
{
    enum { ROUNDS = 15 };
    double s[ROUNDS];
    bench_open(bench, 0, 0, true);
    once(bench->db);
    for (int i = 0; i < ROUNDS; i++) {
        s[i] = once(bench->db);
    }
    bench_sort(s, ROUNDS);
    struct bench_line line = {.name = "wait_1k",
                              .variant = variant,
                              .unit = "s",
                              .value = bench_at(s, ROUNDS, 0.5),
                              .p99 = s[ROUNDS - 1],
                              .cpus = bench->cpus};
    bench_emit(&line);
    bench_close(bench);
}

void
case_wait_1k(struct bench *bench)
{
    wait_1k(bench, NULL, wait_one_at_a_time);
    wait_1k(bench, "wait set", take_one_at_a_time);
}
