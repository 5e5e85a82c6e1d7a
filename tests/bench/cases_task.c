/* The scheduler's cases: one task after the other, trees and chains of them. */
#include "tests/bench/bench.h"

#include <stdlib.h>
#include <string.h>

enum { FAN = 100, WAITED = 1000, BLOCKS = 30, BLOCK_TASKS = 50, BLOCK_SHAPES = 10 };

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

/* What tasks and the skeleton's rounds took, in blocks that take turns: see case_shape(). */
struct in_turn {
    double *task_us, *floor_us;
    uint64_t switches;
    double cpu_us;
};

static void
in_turn_block(struct bench *bench, struct skeleton *skeleton, struct in_turn *all, int at,
              int count)
{
    floor_skeleton_run(skeleton, count, all->floor_us + at);
    uint64_t switches = bench_switches(bench);
    double cpu = bench_cpu_us(bench);
    for (int i = 0; i < count; i++) {
        all->task_us[at + i] = one_task(bench->db);
    }
    all->cpu_us += bench_cpu_us(bench) - cpu;
    all->switches += bench_switches(bench) - switches;
}

void
case_task_sync(struct bench *bench)
{
    enum { BLOCK = 500 };
    int rounds = bench_rounds(bench, 10000);
    struct in_turn all = {.task_us = calloc((size_t)rounds, sizeof(double)),
                          .floor_us = calloc((size_t)rounds, sizeof(double))};
    struct skeleton *skeleton = floor_skeleton_begin(BLOCK);
    bench_open(bench, 0, 0, true);
    for (int i = 0; i < BLOCK; i++) {
        (void)one_task(bench->db);
    }
    for (int at = 0; at < rounds; at += BLOCK) {
        in_turn_block(bench, skeleton, &all, at, rounds - at < BLOCK ? rounds - at : BLOCK);
    }
    bench_close(bench);
    floor_skeleton_end(skeleton);
    bench_sort(all.task_us, rounds);
    bench_sort(all.floor_us, rounds);
    double median = bench_at(all.task_us, rounds, 0.5), floor = bench_at(all.floor_us, rounds, 0.5);
    struct bench_line line = {.name = "task_sync",
                              .unit = "us",
                              .value = median,
                              .p99 = bench_at(all.task_us, rounds, 0.99),
                              .cpus = bench->cpus,
                              .floor_name = "skeleton",
                              .floor = floor,
                              .ratio = median / floor,
                              .switches = (double)all.switches / rounds,
                              .cpu_us = all.cpu_us / rounds,
                              .counted = true};
    bench_emit(&line);
    free(all.task_us);
    free(all.floor_us);
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

/* One block: single tasks, then the shape. Returns the switches of the shape. */
static uint64_t
shape_block(struct bench *bench, const char *name, lode_id (*once)(lode *db), double *sync_us,
            double *ms)
{
    for (int i = 0; i < BLOCK_TASKS; i++) {
        sync_us[i] = one_task(bench->db);
    }
    uint64_t switches = bench_switches(bench);
    for (int i = 0; i < BLOCK_SHAPES; i++) {
        double start = bench_now_us();
        take_sum(bench->db, once(bench->db), name);
        ms[i] = (bench_now_us() - start) / 1e3;
    }
    return bench_switches(bench) - switches;
}

/* In turn: a machine that becomes slower while this runs is so for both sides of the ratio. */
static void
case_shape(struct bench *bench, const char *name, lode_id (*once)(lode *db))
{
    enum { WARM = 1, TASKS = BLOCKS * BLOCK_TASKS, SHAPES = BLOCKS * BLOCK_SHAPES };
    static double us[TASKS], ms[SHAPES];
    uint64_t switches = 0;
    bench_open(bench, 0, 0, true);
    for (int i = -WARM; i < BLOCKS; i++) {
        int at = i < 0 ? 0 : i;
        uint64_t counted =
            shape_block(bench, name, once, us + at * BLOCK_TASKS, ms + at * BLOCK_SHAPES);
        switches += i < 0 ? 0 : counted;
    }
    bench_sort(us, TASKS);
    bench_sort(ms, SHAPES);
    double median = bench_at(ms, SHAPES, 0.5), sync_ms = bench_at(us, TASKS, 0.5) / 1e3;
    struct bench_line line = {.name = name,
                              .unit = "ms",
                              .value = median,
                              .p99 = bench_at(ms, SHAPES, 0.99),
                              .cpus = bench->cpus,
                              .floor_name = "task_sync",
                              .floor = sync_ms,
                              .ratio = median / sync_ms,
                              .switches = (double)switches / SHAPES,
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

/* What the calls themselves cost: all are waited for at once. */
static double
wait_for_all(lode *db)
{
    static lode_id ids[WAITED];
    double start = bench_now_us();
    for (int i = 0; i < WAITED; i++) {
        MUST(lode_call(db, "bench.noop", LODE_NO_ARGS, NULL, &ids[i]));
    }
    MUST(lode_wait(db, ids, WAITED, WAITED, LODE_FOREVER, NULL, NULL));
    lode_drop_many(db, ids, WAITED);
    return (bench_now_us() - start) / 1e6;
}

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
    enum { WARM = 5, ROUNDS = 75 };
    double s[ROUNDS], all[ROUNDS];
    bench_open(bench, 0, 0, true);
    for (int i = 0; i < WARM; i++) {
        once(bench->db);
    }
    for (int i = 0; i < ROUNDS; i++) {
        s[i] = once(bench->db);
        all[i] = wait_for_all(bench->db);
    }
    bench_sort(s, ROUNDS);
    bench_sort(all, ROUNDS);
    double median = bench_at(s, ROUNDS, 0.5), floor = bench_at(all, ROUNDS, 0.5);
    struct bench_line line = {.name = "wait_1k",
                              .variant = variant,
                              .unit = "s",
                              .value = median,
                              .p99 = bench_at(s, ROUNDS, 0.99),
                              .cpus = bench->cpus,
                              .floor_name = "one wait for all",
                              .floor = floor,
                              .ratio = median / floor};
    bench_emit(&line);
    bench_close(bench);
}

void
case_wait_1k(struct bench *bench)
{
    wait_1k(bench, NULL, wait_one_at_a_time);
    wait_1k(bench, "wait set", take_one_at_a_time);
}
