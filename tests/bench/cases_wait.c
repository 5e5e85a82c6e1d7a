/*
 * Waiting for many objects at once. While this process waits, a second session asks the store one
 * question after the other: p99 is how long it waits for its answers.
 */
#include "tests/bench/bench.h"

#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>

enum { MANY = 100 * 1000, PROBES_MAX = 1 << 20 };

/* ---- a second session, that asks meanwhile -------------------------------------------------- */

struct prober {
    lode *db;
    pthread_t thread;
    _Atomic bool ends;
    double *us;
    int count;
};

static void *
probe(void *arg)
{
    struct prober *prober = arg;
    lode_id id;
    bool there;
    MUST(lode_id_random(&id));
    while (!atomic_load(&prober->ends) && prober->count < PROBES_MAX) {
        double start = bench_now_us();
        MUST(lode_contains(prober->db, id, &there));
        prober->us[prober->count++] = bench_now_us() - start;
    }
    return NULL;
}

static void
prober_start(struct prober *prober, const struct bench *bench)
{
    lode_open_options options = {.struct_size = sizeof options,
                                 .flags = LODE_OPEN_ATTACH | LODE_OPEN_STORE_ONLY};
    *prober = (struct prober){.us = calloc(PROBES_MAX, sizeof *prober->us)};
    MUST(lode_open(lode_cluster_dir(bench->db), &options, &prober->db));
    if (pthread_create(&prober->thread, NULL, probe, prober) != 0) {
        bench_must(LODE_ESYS, "pthread_create");
    }
}

/* Gives the 99th percentile of what it measured. */
static double
prober_stop(struct prober *prober)
{
    atomic_store(&prober->ends, true);
    pthread_join(prober->thread, NULL);
    lode_close(prober->db);
    bench_sort(prober->us, prober->count);
    double p99 = prober->count > 0 ? bench_at(prober->us, prober->count, 0.99) : 0;
    free(prober->us);
    return p99;
}

/* ---- many ids ------------------------------------------------------------------------------- */

enum wait_ids { IN_A_ROW, ARBITRARY };

static lode_id *
make_ids(lode *db, size_t count, enum wait_ids kind)
{
    lode_id *ids = calloc(count, sizeof *ids);
    if (kind == IN_A_ROW) {
        MUST(lode_reserve(db, count, ids));
        return ids;
    }
    for (size_t i = 0; i < count; i++) {
        MUST(lode_id_random(&ids[i]));
    }
    return ids;
}

/*
 * The floor: each id is hashed, and one word is read at a place of its own, in a table of the
 * process's own memory.
 */
static double
floor_pass_ms(const lode_id *ids, size_t count)
{
    size_t size = 1;
    while (size < 2 * count) {
        size *= 2;
    }
    uint32_t *table = malloc(size * sizeof *table);
    memset(table, 1, size * sizeof *table);
    double start = bench_now_us();
    uint64_t sum = 0;
    for (size_t i = 0; i < count; i++) {
        uint64_t words[2];
        memcpy(words, ids[i].byte, sizeof words);
        unsigned __int128 product =
            (unsigned __int128)(words[0] | 1) * (words[1] ^ UINT64_C(0x9e3779b97f4a7c15));
        sum += table[((uint64_t)product ^ (uint64_t)(product >> 64)) & (size - 1)];
    }
    double ms = (bench_now_us() - start) / 1e3;
    bench_must(sum != 0 || count == 0 ? LODE_OK : LODE_ECORRUPT, "the floor");
    free(table);
    return ms;
}

/* ---- one ready, and timeout 0 --------------------------------------------------------------- */

/* One call, in ms. Of all ids the last one is there. */
static double
wait_once(lode *db, const lode_id *ids, size_t count, int64_t timeout_ms)
{
    size_t ready = 0;
    double start = bench_now_us();
    lode_err err = lode_wait(db, ids, count, count, timeout_ms, NULL, &ready);
    double ms = (bench_now_us() - start) / 1e3;
    bench_must(err == LODE_ETIMEDOUT && ready == 1 ? LODE_OK : LODE_ECORRUPT, "lode_wait");
    return ms;
}

static void
measure(struct bench *bench, size_t count, enum wait_ids kind, int64_t timeout_ms)
{
    enum { ROUNDS = 5 };
    double ms[ROUNDS];
    char variant[64];
    int rounds = bench->quick ? 1 : ROUNDS;
    bench_open(bench, 0, 0, false);
    lode_id *ids = make_ids(bench->db, count, kind);
    lode_create_options options = {.struct_size = sizeof options, .id = ids[count - 1]};
    MUST(lode_put_with(bench->db, "x", 1, &options, LODE_FOREVER, NULL));
    double floor = floor_pass_ms(ids, count);
    for (int i = 0; i < rounds; i++) {
        ms[i] = wait_once(bench->db, ids, count, timeout_ms) - (double)timeout_ms;
    }
    bench_sort(ms, rounds);
    struct prober prober;
    prober_start(&prober, bench);
    (void)wait_once(bench->db, ids, count, timeout_ms);
    double p99 = prober_stop(&prober);
    snprintf(variant, sizeof variant, "%s%s 1e%d", timeout_ms > 0 ? "armed, " : "timeout 0, ",
             kind == IN_A_ROW ? "in a row" : "arbitrary",
             count > MANY   ? 6
             : count < MANY ? 4
                            : 5);
    struct bench_line line = {.name = "wait_many",
                              .variant = variant,
                              .unit = "ms",
                              .value = bench_at(ms, rounds, 0.5),
                              .p99 = p99 / 1e3,
                              .cpus = bench->cpus,
                              .floor_name = "one pass",
                              .floor = floor,
                              .ratio = bench_at(ms, rounds, 0.5) / floor};
    bench_emit(&line);
    free(ids);
    bench_close(bench);
}

void
case_wait_many(struct bench *bench)
{
    size_t counts[] = {bench->quick ? MANY / 10 : MANY, 10 * MANY};
    for (int i = 0; i < (bench->quick ? 1 : 2); i++) {
        for (int64_t timeout_ms = 0; timeout_ms <= 1; timeout_ms++) {
            measure(bench, counts[i], IN_A_ROW, timeout_ms);
            measure(bench, counts[i], ARBITRARY, timeout_ms);
        }
    }
}
