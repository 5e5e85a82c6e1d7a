/*
 * What sessions cost that do nothing: the store's CPU time in a put of another session.
 *
 * A session that does nothing dozes after 10 ms (store/state/doze.h): the store looks at it again
 * when it rings. Before that a batch of freeing looked at the ring and the pins of every session,
 * and each grant of credit at all of them twice. README.md has the figures.
 */
#include "tests/bench/crowd.h"

enum { KIB = 1024, BURST = 64, WARM_US = 150000 };

static void
put_and_drop(lode *db, const void *bytes, size_t size, int count)
{
    lode_id ids[BURST];
    for (int i = 0; i < count; i += BURST) {
        for (int j = 0; j < BURST; j++) {
            MUST(lode_put(db, bytes, size, LODE_FOREVER, &ids[j]));
        }
        for (int j = 0; j < BURST; j++) {
            lode_drop(db, ids[j]);
        }
    }
}

/* Waits until what was dropped is free. */
static double
cpu_of_store(const struct bench *bench)
{
    lode_store_stats stats;
    MUST(lode_get_store_stats(bench->db, &stats));
    return bench_cpu_us_of((pid_t)stats.store_pid);
}

/* The store's CPU time for a put and a drop, in us. */
static double
cpu_of_put(const struct bench *bench, size_t size)
{
    static const uint8_t BYTES[KIB];
    int count = bench_rounds(bench, 200000) / BURST * BURST;
    double warm_until = bench_now_us() + WARM_US;
    do { /* meanwhile the others begin to doze */
        put_and_drop(bench->db, BYTES, size, count / 20);
    } while (bench_now_us() < warm_until);
    double before = cpu_of_store(bench);
    put_and_drop(bench->db, BYTES, size, count);
    return (cpu_of_store(bench) - before) / count;
}

void
case_idle_sessions(struct bench *bench)
{
    static const struct {
        const char *name;
        int count, peers;
        size_t size;
        bool views;
    } VARIANTS[] = {
        {"1 KiB beside 1", 1, 0, KIB, false},
        {"1 KiB beside 100", 100, 0, KIB, false},
        {"1 KiB beside 1000", 1000, 0, KIB, false},
        {"16 B beside 1000", 1000, 0, 16, false},
        {"1 KiB beside 1000 with a view", 1000, 0, KIB, true},
        {"1 KiB beside 2900", 1000, 2, KIB, false},
    };
    lode_id shared;
    bench_open(bench, UINT64_C(1) << 30, 0, false);
    MUST(lode_put(bench->db, "shared", 6, LODE_FOREVER, &shared));
    double floor_1k = cpu_of_put(bench, KIB), floor_16 = cpu_of_put(bench, 16);
    for (size_t i = 0; i < sizeof VARIANTS / sizeof VARIANTS[0]; i++) {
        if (VARIANTS[i].views) {
            crowd_disperse();
        }
        crowd_gather_peers(bench, VARIANTS[i].peers);
        crowd_gather(bench, VARIANTS[i].count, VARIANTS[i].views, shared);
        double us = cpu_of_put(bench, VARIANTS[i].size);
        double floor = VARIANTS[i].size == KIB ? floor_1k : floor_16;
        struct bench_line line = {.name = "idle_sessions",
                                  .variant = VARIANTS[i].name,
                                  .unit = "us",
                                  .value = us,
                                  .cpus = bench->cpus,
                                  .floor_name = "store's CPU a put beside none",
                                  .floor = floor,
                                  .ratio = us / floor,
                                  .cpu_us = us};
        bench_emit(&line);
    }
    crowd_disperse();
    bench_close(bench);
}
