/*
 * Dropping many objects: lode_drop_many() beside a loop of lode_drop(), in turns, each with objects
 * of its own. What counts is how long the caller is kept. The CPU time is that of all processes,
 * until the store has freed the last object.
 */
#include "tests/bench/bench.h"

#include <stdlib.h>

enum { DROP_ROUNDS = 9 };

struct dropped {
    double ns[DROP_ROUNDS], cpu_us[DROP_ROUNDS]; /* an id */
};

static void
drop_once(struct bench *bench, lode_id *ids, int count, bool together, struct dropped *dropped,
          int round)
{
    bench_put_all(bench->db, ids, count);
    double cpu = bench_cpu_us(bench), start = bench_now_us();
    if (together) {
        lode_drop_many(bench->db, ids, (size_t)count);
    } else {
        for (int i = 0; i < count; i++) {
            lode_drop(bench->db, ids[i]);
        }
    }
    dropped->ns[round] = (bench_now_us() - start) * 1000 / count;
    bench_await_none(bench->db);
    dropped->cpu_us[round] = (bench_cpu_us(bench) - cpu) / count;
}

static void
drop_many(struct bench *bench, int count, const char *variant)
{
    static struct dropped together, one_by_one;
    lode_id *ids = calloc((size_t)count, sizeof *ids);
    int rounds = bench->quick ? 3 : DROP_ROUNDS;
    for (int i = 0; i < rounds; i++) {
        drop_once(bench, ids, count, true, &together, i);
        drop_once(bench, ids, count, false, &one_by_one, i);
    }
    bench_sort(together.ns, rounds);
    bench_sort(together.cpu_us, rounds);
    bench_sort(one_by_one.ns, rounds);
    double ns = bench_at(together.ns, rounds, 0.5), loop = bench_at(one_by_one.ns, rounds, 0.5);
    struct bench_line line = {.name = "drop_many",
                              .variant = variant,
                              .unit = "ns",
                              .value = ns,
                              .cpus = bench->cpus,
                              .floor_name = "lode_drop in a loop",
                              .floor = loop,
                              .ratio = ns / loop,
                              .cpu_us = bench_at(together.cpu_us, rounds, 0.5)};
    bench_emit(&line);
    free(ids);
}

void
case_drop_many(struct bench *bench)
{
    bench_open(bench, 0, 0, false);
    drop_many(bench, 1000, "1000 ids");
    drop_many(bench, 100000, "100000 ids");
    bench_close(bench);
}
