/*
 * How long it takes to free many objects, one after another and at the end of their session. The
 * same time an object at each number says that the time grows with the number and no faster.
 */
#include "tests/bench/bench.h"
#include "tests/bench/peer.h"

#include <stdlib.h>

enum { STEPS = 4, ENTRY_BYTES = 192 /* what the store has of an object beside its bytes */ };

static void
emit(const struct bench *bench, const char *kind, int count, double us, double cpu_us)
{
    char variant[64];
    double floor_us = floor_miss_us((size_t)count * ENTRY_BYTES / 64);
    snprintf(variant, sizeof variant, "%s %d", kind, count);
    struct bench_line line = {.name = "free_many",
                              .variant = variant,
                              .unit = "ns",
                              .value = us / count * 1e3,
                              .cpus = bench->cpus,
                              .floor_name = "a cache miss",
                              .floor = floor_us * 1e3,
                              .ratio = us / count / floor_us,
                              .cpu_us = cpu_us / count};
    bench_emit(&line);
}

static void
free_by_drops(struct bench *bench, lode_id *ids, int count)
{
    bench_put_all(bench->db, ids, count);
    double start = bench_now_us(), cpu_us = bench_cpu_us(bench);
    for (int i = 0; i < count; i++) {
        lode_drop(bench->db, ids[i]);
    }
    bench_await_none(bench->db);
    emit(bench, "drop", count, bench_now_us() - start, bench_cpu_us(bench) - cpu_us);
}

static void
free_by_end(struct bench *bench, lode_id *ids, int count)
{
    lode *db = peer_attach(lode_cluster_dir(bench->db));
    bench_put_all(db, ids, count);
    double start = bench_now_us(), cpu_us = bench_cpu_us(bench);
    lode_close(db);
    bench_await_none(bench->db);
    emit(bench, "end", count, bench_now_us() - start, bench_cpu_us(bench) - cpu_us);
}

void
case_free_many(struct bench *bench)
{
    static const int counts[STEPS] = {10000, 100000, 1000000, 4000000};
    int steps = bench->quick ? 2 : STEPS;
    lode_id *ids = calloc((size_t)counts[steps - 1], sizeof *ids);
    bench_must(ids != NULL ? LODE_OK : LODE_ENOMEM, "ids");
    for (int i = 0; i < steps; i++) {
        bench_open(bench, 0, 0, false);
        free_by_drops(bench, ids, counts[i]);
        free_by_end(bench, ids, counts[i]);
        bench_close(bench);
    }
    free(ids);
}
