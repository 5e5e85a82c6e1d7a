/*
 * A store of 1 GiB, 50, 70 and 90 % full of objects of 64 bytes to 128 MiB, as many in each
 * doubling, of which one drawn by lot is dropped for each that comes and lacks room. What share of
 * the free bytes the longest stretch has, and how many creates found no room in one piece.
 */
#include "tests/bench/bench.h"

#include <stdlib.h>

#define CAPACITY (UINT64_C(1) << 30)
enum { OBJECTS_MAX = 1 << 16, LEAST_LOG2 = 6, DOUBLINGS = 21 };

static struct object {
    lode_id id;
    uint64_t size;
} object[OBJECTS_MAX];

static uint64_t
draw(uint64_t *state, uint64_t below)
{
    *state = *state * UINT64_C(6364136223846793005) + 1442695040888963407;
    return (*state >> 33) % below;
}

/* Whether it found room. Its bytes are never touched. */
static bool
create(lode *db, uint64_t size, lode_id *id_out)
{
    lode_draft draft;
    lode_err err = lode_create(db, size, NULL, 0, &draft);
    if (err == LODE_EFULL) {
        return false;
    }
    MUST(err);
    MUST(lode_seal(&draft, id_out));
    return true;
}

static void
churn(struct bench *bench, int per_cent)
{
    uint64_t state = 1, used = 0;
    size_t objects = 0;
    int steps = bench_rounds(bench, 5000), failed = 0;
    double share = 0, start_us = bench_cpu_us(bench);
    lode_store_stats stats;
    for (int i = 0; i < steps; i++) {
        uint64_t least = UINT64_C(1) << (LEAST_LOG2 + draw(&state, DOUBLINGS));
        uint64_t size = least + draw(&state, least);
        while (used + size > CAPACITY / 100 * (uint64_t)per_cent) {
            size_t victim = draw(&state, objects);
            lode_drop(bench->db, object[victim].id);
            used -= object[victim].size;
            object[victim] = object[--objects];
        }
        bool made = objects < OBJECTS_MAX && create(bench->db, size, &object[objects].id);
        if (made) {
            object[objects++].size = size;
            used += size;
        }
        failed += !made;
        MUST(lode_get_store_stats(bench->db, &stats));
        share += (double)stats.largest_free_bytes / (double)stats.free_bytes;
    }
    char variant[32];
    snprintf(variant, sizeof variant, "%d %% full", per_cent);
    struct bench_line line = {.name = "fragmentation",
                              .variant = variant,
                              .unit = "share",
                              .value = share / steps,
                              .cpus = bench->cpus,
                              .cpu_us = (bench_cpu_us(bench) - start_us) / steps};
    bench_emit(&line);
    snprintf(variant, sizeof variant, "%d %% full, failed", per_cent);
    line = (struct bench_line){.name = "fragmentation",
                               .variant = variant,
                               .unit = "share",
                               .value = (double)failed / steps,
                               .cpus = bench->cpus};
    bench_emit(&line);
    while (objects > 0) {
        lode_drop(bench->db, object[--objects].id);
    }
}

void
case_fragmentation(struct bench *bench)
{
    static const int fills[] = {50, 70, 90};
    bench_open(bench, CAPACITY, 0, false);
    for (int i = 0; i < 3; i++) {
        churn(bench, fills[i]);
    }
    bench_close(bench);
}
