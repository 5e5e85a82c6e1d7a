/*
 * What sessions cost that do nothing: the store's CPU time in a put, in lode_stat(), in
 * lode_get_store_stats() and in an open and a close of another session.
 *
 * A session that does nothing dozes after 10 ms (store/state/doze.h): the store looks at it again
 * when it rings. Before that a batch of freeing looked at the ring and the pins of every session,
 * and each grant of credit at all of them twice. README.md has the figures.
 */
#include "tests/bench/crowd.h"
#include "tests/bench/peer.h"

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

static void
emit(const struct bench *bench, const char *name, const char *variant, double us,
     const char *floor_name, double floor)
{
    struct bench_line line = {.name = name,
                              .variant = variant,
                              .unit = "us",
                              .value = us,
                              .cpus = bench->cpus,
                              .floor_name = floor_name,
                              .floor = floor,
                              .ratio = us / floor,
                              .cpu_us = us};
    bench_emit(&line);
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
        emit(bench, "idle_sessions", VARIANTS[i].name, us, "store's CPU a put beside none", floor);
    }
    crowd_disperse();
    bench_close(bench);
}

/* ---- questions ------------------------------------------------------------------------------ */

static void
ask_stat(const struct bench *bench, lode_id shared)
{
    lode_object_info info;
    MUST(lode_stat(bench->db, shared, &info));
}

static void
ask_stats(const struct bench *bench, lode_id shared)
{
    lode_store_stats stats;
    (void)shared;
    MUST(lode_get_store_stats(bench->db, &stats));
}

static void
open_and_close(const struct bench *bench, lode_id shared)
{
    (void)shared;
    lode_close(peer_attach(lode_cluster_dir(bench->db)));
}

static const struct question {
    const char *name;
    void (*ask)(const struct bench *bench, lode_id shared);
    int rounds;
} QUESTIONS[] = {{"lode_stat", ask_stat, 5000},
                 {"stats", ask_stats, 5000},
                 {"open and close", open_and_close, 500}};

enum { QUESTIONS_COUNT = sizeof QUESTIONS / sizeof QUESTIONS[0] };

/* The store's CPU time for one. */
static double
cpu_of_question(const struct bench *bench, const struct question *question, lode_id shared)
{
    int count = bench_rounds(bench, question->rounds);
    double before = cpu_of_store(bench);
    for (int i = 0; i < count; i++) {
        question->ask(bench, shared);
    }
    return (cpu_of_store(bench) - before) / count;
}

/* What is asked for has no pin of an idle session. */
void
case_idle_sessions_questions(struct bench *bench)
{
    static const struct {
        int count, peers;
    } BESIDE[] = {{0, 0}, {1000, 0}, {1000, 2}};
    double floor[QUESTIONS_COUNT] = {0};
    lode_id shared;
    bench_open(bench, UINT64_C(1) << 30, 0, false);
    MUST(lode_put(bench->db, "shared", 6, LODE_FOREVER, &shared));
    for (size_t i = 0; i < sizeof BESIDE / sizeof BESIDE[0]; i++) {
        crowd_gather_peers(bench, BESIDE[i].peers);
        crowd_gather(bench, BESIDE[i].count, false, shared);
        (void)cpu_of_put(bench, KIB); /* meanwhile they begin to doze */
        for (int q = 0; q < QUESTIONS_COUNT; q++) {
            char variant[64];
            double us = cpu_of_question(bench, &QUESTIONS[q], shared);
            floor[q] = i == 0 ? us : floor[q];
            snprintf(variant, sizeof variant, "%s beside %d", QUESTIONS[q].name,
                     BESIDE[i].count + BESIDE[i].peers * CROWD_OF_PEER);
            emit(bench, "idle_sessions_questions", variant, us, "store's CPU beside none",
                 floor[q]);
        }
    }
    crowd_disperse();
    bench_close(bench);
}
