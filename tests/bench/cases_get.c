/* Gets: of one object again and again, and of many objects at random. README.md has the figures. */
#include "api/base/clock.h"
#include "api/layout/id.h"
#include "tests/bench/bench.h"

#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

enum { MB = 1000 * 1000, GETS_A_SAMPLE = 1000, SESSIONS_MAX = 16, THREADS_MAX = 4, ITEM = 16 };

/* ---- get ------------------------------------------------------------------------------------ */

/* What no get can do without: a pin, a fence, a second look, and the same to let go. In us. */
static double
floor_pin_and_look(void)
{
    enum { SAMPLES = 1000, ROUNDS = 1000 };
    static _Atomic uint32_t pin;
    static _Atomic uint64_t word = 1;
    static double us[SAMPLES];
    uint64_t seen = 0;
    for (int sample = 0; sample < SAMPLES; sample++) {
        double start = bench_now_us();
        for (int i = 0; i < ROUNDS; i++) {
            seen += atomic_load_explicit(&word, memory_order_acquire);
            atomic_store_explicit(&pin, (uint32_t)i, memory_order_relaxed);
            atomic_thread_fence(memory_order_seq_cst);
            seen += atomic_load_explicit(&word, memory_order_acquire);
            atomic_store_explicit(&pin, 0, memory_order_release);
            atomic_thread_fence(memory_order_seq_cst);
            seen += atomic_load_explicit(&word, memory_order_relaxed);
        }
        us[sample] = (bench_now_us() - start) / ROUNDS;
    }
    if (seen != (uint64_t)SAMPLES * ROUNDS * 3) {
        bench_must(LODE_ECORRUPT, "floor");
    }
    bench_sort(us, SAMPLES);
    return bench_at(us, SAMPLES, 0.5);
}

static void
get_once(lode *db, lode_id id, uint64_t *sum)
{
    lode_view view;
    MUST(lode_get(db, id, LODE_FOREVER, &view));
    *sum += *(const volatile uint8_t *)view.data;
    lode_release(&view);
}

void
case_get(struct bench *bench, size_t size_bytes, const char *name)
{
    int rounds = bench_rounds(bench, 2000);
    double floor = floor_pin_and_look();
    double *us = bench_samples(rounds);
    uint8_t *bytes = malloc(size_bytes);
    lode_id id;
    uint64_t sum = 0;
    bench_open(bench, 4 * size_bytes + 64 * MB, 0, false);
    memset(bytes, 1, size_bytes);
    MUST(lode_put(bench->db, bytes, size_bytes, LODE_FOREVER, &id));
    get_once(bench->db, id, &sum);
    uint64_t switches = bench_switches(bench);
    for (int i = 0; i < rounds; i++) {
        double start = bench_now_us();
        for (int j = 0; j < GETS_A_SAMPLE; j++) {
            get_once(bench->db, id, &sum);
        }
        us[i] = (bench_now_us() - start) / GETS_A_SAMPLE;
    }
    switches = bench_switches(bench) - switches;
    bench_must(sum == (uint64_t)rounds * GETS_A_SAMPLE + 1 ? LODE_OK : LODE_ECORRUPT, "get");
    bench_sort(us, rounds);
    double median = bench_at(us, rounds, 0.5);
    struct bench_line line = {.name = name,
                              .unit = "us",
                              .value = median,
                              .p99 = bench_at(us, rounds, 0.99),
                              .cpus = bench->cpus,
                              .floor_name = "pin, fence, look",
                              .floor = floor,
                              .ratio = median / floor,
                              .switches = (double)switches / ((double)rounds * GETS_A_SAMPLE),
                              .counted = true};
    bench_emit(&line);
    lode_drop(bench->db, id);
    bench_close(bench);
    free(bytes);
    free(us);
}

/* ---- random gets ---------------------------------------------------------------------------- */

/* As large as an entry. */
struct line {
    uint32_t next, pad[31];
};

static uint64_t
next_random(uint64_t *state)
{
    *state ^= *state << 13;
    *state ^= *state >> 7;
    *state ^= *state << 17;
    return *state;
}

/*
 * One load that depends on the one before, from as many bytes as the entries of `count` objects
 * take, in pages of 4 KiB. In ns of CPU: others may be busy here.
 */
static double
floor_dependent_load(uint32_t count)
{
    enum { LOADS = 2000000 };
    uint64_t random = 88172645463325252u, bytes = (uint64_t)count * sizeof(struct line);
    struct line *lines =
        mmap(NULL, bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    bench_must(lines != MAP_FAILED ? LODE_OK : LODE_ENOMEM, "floor");
    (void)madvise(lines, bytes, MADV_NOHUGEPAGE);
    for (uint32_t i = 0; i < count; i++) {
        lines[i].next = i;
    }
    for (uint32_t i = count - 1; i > 0; i--) { /* one cycle through all (Sattolo) */
        uint32_t j = (uint32_t)(next_random(&random) % i), old = lines[i].next;
        lines[i].next = lines[j].next;
        lines[j].next = old;
    }
    uint32_t at = 0;
    double start = bench_clock_us(CLOCK_THREAD_CPUTIME_ID);
    for (int i = 0; i < LOADS; i++) {
        at = lines[at].next;
    }
    double ns = (bench_clock_us(CLOCK_THREAD_CPUTIME_ID) - start) * 1e3 / LOADS;
    bench_must(at < count ? LODE_OK : LODE_ECORRUPT, "floor");
    munmap(lines, bytes);
    return ns;
}

struct objects {
    lode *db[SESSIONS_MAX];
    lode_id first[SESSIONS_MAX]; /* the ids of each session's objects follow each other */
    uint32_t sessions, of_each;
    lode *reader;
};

static void
put_objects(struct objects *objects)
{
    uint8_t bytes[ITEM] = {1};
    for (uint32_t s = 0; s < objects->sessions; s++) {
        for (uint32_t i = 0; i < objects->of_each; i++) {
            lode_id id;
            MUST(lode_put(objects->db[s], bytes, sizeof bytes, LODE_FOREVER, &id));
            objects->first[s] = i == 0 ? id : objects->first[s];
            bench_must(lode_id_same(id, lode_id_plus(objects->first[s], i)) ? LODE_OK
                                                                            : LODE_ECORRUPT,
                       "ids");
        }
        lode_store_stats stats;
        MUST(lode_get_store_stats(objects->db[s], &stats)); /* its ring is drained */
    }
}

struct getter {
    const struct objects *objects;
    uint64_t random;
    int gets;
    double ns; /* of CPU, a get */
};

/* The object's first byte is not read: that would be one more miss, which is the caller's. */
static void *
get_at_random(void *arg)
{
    struct getter *getter = arg;
    const struct objects *objects = getter->objects;
    lode_view view;
    double start = bench_clock_us(CLOCK_THREAD_CPUTIME_ID);
    for (int i = 0; i < getter->gets; i++) {
        uint64_t random = next_random(&getter->random);
        uint32_t s = (uint32_t)(random >> 56) % objects->sessions;
        uint64_t n = (random & 0xffffffff) * objects->of_each >> 32;
        MUST(lode_get(objects->reader, lode_id_plus(objects->first[s], n), LODE_FOREVER, &view));
        lode_release(&view);
    }
    getter->ns = (bench_clock_us(CLOCK_THREAD_CPUTIME_ID) - start) * 1e3 / getter->gets;
    return NULL;
}

static void
emit_random(const struct bench *bench, const char *variant, double ns, double floor)
{
    struct bench_line line = {.name = "get_random",
                              .variant = variant,
                              .unit = "ns",
                              .value = ns,
                              .cpus = bench->cpus,
                              .floor_name = "one dependent load, 4 KiB pages",
                              .floor = floor,
                              .ratio = ns / floor};
    bench_emit(&line);
}

static void
measure_random(const struct bench *bench, const struct objects *objects, int threads,
               const char *variant, double floor)
{
    enum { ROUNDS = 5 };
    pthread_t thread[THREADS_MAX];
    struct getter getter[THREADS_MAX];
    double ns[ROUNDS];
    for (int round = 0; round < ROUNDS; round++) {
        ns[round] = 0;
        for (int t = 0; t < threads; t++) {
            getter[t] = (struct getter){objects, 88172645463325252u + (uint64_t)(t + round * 7),
                                        bench_rounds(bench, 500000) / threads, 0};
            bench_must(pthread_create(&thread[t], NULL, get_at_random, &getter[t]) == 0
                           ? LODE_OK
                           : LODE_ENOMEM,
                       "thread");
        }
        for (int t = 0; t < threads; t++) {
            pthread_join(thread[t], NULL);
            ns[round] += getter[t].ns / threads;
        }
    }
    bench_sort(ns, ROUNDS);
    emit_random(bench, variant, bench_at(ns, ROUNDS, 0.5), floor);
}

static void
random_case(struct bench *bench, uint32_t sessions, uint32_t count, int threads,
            const char *variant)
{
    struct objects objects = {.sessions = sessions, .of_each = count / sessions};
    double floor = floor_dependent_load(count);
    bench_open(bench, 256 * MB, 0, false);
    objects.db[0] = objects.reader = bench->db;
    for (uint32_t s = 1; s < sessions; s++) {
        MUST(lode_open(lode_cluster_dir(bench->db), NULL, &objects.db[s]));
    }
    put_objects(&objects);
    measure_random(bench, &objects, 1, variant, floor);
    if (threads > 1) {
        measure_random(bench, &objects, threads, "4 threads", floor);
    }
    for (uint32_t s = 1; s < sessions; s++) {
        lode_close(objects.db[s]);
    }
    bench_close(bench);
}

void
case_get_random(struct bench *bench)
{
    uint32_t many = bench->quick ? 100 * 1000 : 1000 * 1000;
    random_case(bench, 1, 1000, 1, "10^3 objects");
    random_case(bench, 1, many, THREADS_MAX, bench->quick ? "10^5 objects" : "10^6 objects");
    random_case(bench, SESSIONS_MAX, many, 1, "16 sessions");
}
