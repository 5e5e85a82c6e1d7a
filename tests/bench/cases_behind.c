/*
 * Many tasks that wait for one argument: an id that is put when all are submitted, the result of a
 * task, or one of a hundred ids. From the put, or from the call, until the last task is done. The
 * floor is task_async in the same cluster: the same tasks, with nothing to wait for.
 */
#include "tests/bench/bench_async.h"

#include <stdlib.h>

enum { BEHIND = 100000, BEHIND_ROUNDS = 3, MANY_IDS = 100 };

enum kind { BEHIND_PUT, BEHIND_RESULT, BEHIND_MANY };

static const char *const VARIANT[] = {"put", "result", "of 100"};

static void
put_all(lode *db, const lode_id *arg, int args)
{
    for (int i = 0; i < args; i++) {
        lode_create_options at = {.struct_size = sizeof at, .id = arg[i]};
        lode_id id;
        MUST(lode_put_with(db, "x", 1, &at, LODE_FOREVER, &id));
        lode_drop(db, arg[i]);
    }
}

/* us a task, from the first call until the last result was got. */
static double
one_round(lode *db, enum kind kind, lode_id *ids, int count)
{
    lode_id arg[MANY_IDS];
    int args = kind == BEHIND_MANY ? MANY_IDS : 1;
    double start = bench_now_us();
    if (kind == BEHIND_RESULT) {
        MUST(lode_call(db, "bench.nap", LODE_ARGS(lode_i64(200)), NULL, &arg[0]));
    } else {
        MUST(lode_reserve(db, (size_t)args, arg));
    }
    for (int i = 0; i < count; i++) {
        MUST(lode_call(db, "bench.take", LODE_ARGS(lode_ref(arg[i % args])), NULL, &ids[i]));
    }
    if (kind == BEHIND_RESULT) {
        lode_drop(db, arg[0]);
    } else {
        put_all(db, arg, args);
    }
    for (int i = 0; i < count; i++) {
        lode_view view;
        MUST(lode_get(db, ids[i], LODE_FOREVER, &view));
        lode_release(&view);
        lode_drop(db, ids[i]);
    }
    return (bench_now_us() - start) / count;
}

static void
one_kind(struct bench *bench, enum kind kind, lode_id *ids, int count, double floor_us)
{
    double us[BEHIND_ROUNDS], tasks = (double)BEHIND_ROUNDS * count;
    struct bench_shares before = bench_shares(bench);
    for (int i = 0; i < BEHIND_ROUNDS; i++) {
        us[i] = one_round(bench->db, kind, ids, count);
    }
    struct bench_shares after = bench_shares(bench);
    bench_sort(us, BEHIND_ROUNDS);
    double median = bench_at(us, BEHIND_ROUNDS, 0.5);
    struct bench_line line = {.name = "tasks_behind_one_id",
                              .variant = VARIANT[kind],
                              .unit = "us",
                              .value = median,
                              .p99 = us[BEHIND_ROUNDS - 1],
                              .cpus = bench->cpus,
                              .floor_name = "task_async",
                              .floor = floor_us,
                              .ratio = median / floor_us,
                              .switches = (double)(after.switches - before.switches) / tasks,
                              .cpu_us = (after.all_us - before.all_us) / tasks,
                              .counted = true};
    bench_emit(&line);
    bench_emit_shares(bench, "behind", &before, tasks);
}

void
case_tasks_behind_one_id(struct bench *bench)
{
    int count = bench_rounds(bench, BEHIND);
    lode_id *ids = calloc((size_t)count, sizeof *ids);
    bench_open(bench, 0, 0, true);
    bench_all_at_once(bench->db, ids, count);
    double floor_us = 1e6 / bench_all_at_once(bench->db, ids, count);
    for (int kind = BEHIND_PUT; kind <= BEHIND_MANY; kind++) {
        one_kind(bench, (enum kind)kind, ids, count, floor_us);
    }
    bench_close(bench);
    free(ids);
}
