/*
 * Waiting for many objects at once. While this process waits, a second session asks the store one
 * question after the other: p99 is how long it waits for its answers.
 *
 * What each trick gave, with 10^5 / 10^6 ids and timeout 0: to arm nothing, and to look into the
 * index a second time once the rings are drained: 152 ms / 15 s -> 4 / 82 ms in a row, 1.7 / 35 ms
 * of the user's choice. To look at a row's ids by 256, and to fetch no entry ahead for an empty
 * place of the table: 2.2 / 24 and 1.6 / 26 ms.
 * With a time limit that is over at once: README.md.
 */
#include "tests/bench/bench.h"
#include "tests/support/some_ids.h"

#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <unistd.h>

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

/*
 * Promised ones as the store sees them: results of tasks, or reserved as here. MIXED: half of them
 * are the user's own.
 */
enum wait_ids { IN_A_ROW, ARBITRARY, SHUFFLED, ONE_OF_TWELVE, MIXED };

static const char *const kind_names[] = {"in a row", "arbitrary", "shuffled", "1 of 12, shuffled",
                                         "mixed, shuffled"};

static lode_id *
make_ids(lode *db, size_t count, enum wait_ids kind)
{
    lode_id *ids = calloc(count, sizeof *ids);
    size_t chosen = kind == ARBITRARY ? count : kind == MIXED ? count / 2 : 0;
    for (size_t i = 0; i < chosen; i++) {
        MUST(lode_id_random(&ids[i]));
    }
    if (chosen < count) {
        size_t step = kind == ONE_OF_TWELVE ? 12 : 1;
        MUST(reserve_every(db, step, count - chosen, ids + chosen));
    }
    if (kind > ARBITRARY) {
        shuffle(ids, count);
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
             kind_names[kind],
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
        for (enum wait_ids kind = SHUFFLED; kind <= MIXED; kind++) {
            measure(bench, counts[i], kind, 1);
        }
    }
}

/* ---- wait sets ------------------------------------------------------------------------------ */

/* The floor: an eventfd is written and read for each id. */
static double
floor_eventfd_us(int count)
{
    int fd = eventfd(0, EFD_CLOEXEC);
    uint64_t word = 1;
    bench_must(fd >= 0 ? LODE_OK : LODE_ESYS, "eventfd");
    double start = bench_now_us();
    for (int i = 0; i < count; i++) {
        bool good = write(fd, &word, sizeof word) == (ssize_t)sizeof word &&
                    read(fd, &word, sizeof word) == (ssize_t)sizeof word;
        bench_must(good ? LODE_OK : LODE_ESYS, "the floor");
    }
    double us = (bench_now_us() - start) / count;
    close(fd);
    return us;
}

static void
put_all(lode *db, const lode_id *ids, size_t count)
{
    lode_create_options options = {.struct_size = sizeof options};
    for (size_t i = 0; i < count; i++) {
        options.id = ids[i];
        MUST(lode_put_with(db, "x", 1, &options, LODE_FOREVER, NULL));
    }
}

/* Takes all, as they come; in us. */
static double
take_all(lode_waitset *set, size_t count)
{
    enum { ROOM = 256 };
    static lode_id taken[ROOM];
    double start = bench_now_us();
    while (count > 0) {
        size_t some;
        MUST(lode_waitset_take(set, LODE_FOREVER, taken, ROOM, &some));
        count -= some;
    }
    return bench_now_us() - start;
}

/* Adding and taking, in us an id. `before`: the objects are there when the ids are added. */
static double
use_set(lode *db, lode *other, size_t count, bool before)
{
    lode_id *ids = calloc(count, sizeof *ids);
    lode_waitset *set;
    MUST(lode_reserve(other, count, ids));
    MUST(lode_waitset_open(db, &set));
    if (before) {
        put_all(other, ids, count);
        MUST(lode_wait(db, ids, count, count, LODE_FOREVER, NULL, NULL));
    }
    double start = bench_now_us();
    MUST(lode_waitset_add(set, ids, count));
    double us = bench_now_us() - start;
    if (!before) {
        put_all(other, ids, count);
    }
    us += take_all(set, count);
    lode_waitset_close(set);
    for (size_t i = 0; i < count; i++) {
        lode_drop(other, ids[i]);
    }
    free(ids);
    return us / (double)count;
}

/* Adding, putting and taking of one id after the other, in us an id: the median. */
static double
cycle_us(lode *other, lode_waitset *set, int rounds)
{
    double *us = calloc((size_t)rounds, sizeof *us);
    for (int i = 0; i < rounds; i++) {
        lode_id id;
        MUST(lode_reserve(other, 1, &id));
        double start = bench_now_us();
        MUST(lode_waitset_add(set, &id, 1));
        put_all(other, &id, 1);
        (void)take_all(set, 1);
        us[i] = bench_now_us() - start;
        lode_drop(other, id);
    }
    bench_sort(us, rounds);
    double median = bench_at(us, rounds, 0.5);
    free(us);
    return median;
}

/* One set in use beside many of the same session that wait for something that does not come. */
static void
beside_idle_sets(struct bench *bench, lode *other)
{
    int idle = bench_rounds(bench, 10000), rounds = bench_rounds(bench, 1000);
    lode_id *ids = calloc((size_t)idle, sizeof *ids);
    lode_waitset *set, **sets = calloc((size_t)idle, sizeof *sets);
    MUST(lode_waitset_open(bench->db, &set));
    double floor = cycle_us(other, set, rounds);
    MUST(lode_reserve(other, (size_t)idle, ids));
    for (int i = 0; i < idle; i++) {
        MUST(lode_waitset_open(bench->db, &sets[i]));
        MUST(lode_waitset_add(sets[i], &ids[i], 1));
    }
    double us = cycle_us(other, set, rounds);
    struct bench_line line = {.name = "waitset",
                              .variant = bench->quick ? "beside 1,000" : "beside 10,000",
                              .unit = "us",
                              .value = us,
                              .cpus = bench->cpus,
                              .floor_name = "no other set",
                              .floor = floor,
                              .ratio = us / floor};
    bench_emit(&line);
    for (int i = 0; i < idle; i++) {
        lode_waitset_close(sets[i]);
    }
    lode_waitset_close(set);
    lode_drop_many(other, ids, (size_t)idle);
    free(sets);
    free(ids);
}

void
case_waitset(struct bench *bench)
{
    enum { ROUNDS = 5 };
    int rounds = bench->quick ? 1 : ROUNDS;
    size_t count = (size_t)bench_rounds(bench, MANY);
    double us[ROUNDS], floor = floor_eventfd_us(10000);
    lode_open_options options = {.struct_size = sizeof options,
                                 .flags = LODE_OPEN_ATTACH | LODE_OPEN_STORE_ONLY};
    lode *other;
    bench_open(bench, 0, 0, false);
    MUST(lode_open(lode_cluster_dir(bench->db), &options, &other));
    for (int before = 0; before < 2; before++) {
        for (int i = 0; i < rounds; i++) {
            us[i] = use_set(bench->db, other, count, before != 0);
        }
        bench_sort(us, rounds);
        double median = bench_at(us, rounds, 0.5);
        struct bench_line line = {.name = "waitset",
                                  .variant = before ? "there before" : "still to come",
                                  .unit = "us",
                                  .value = median,
                                  .p99 = us[rounds - 1],
                                  .cpus = bench->cpus,
                                  .floor_name = "eventfd an id",
                                  .floor = floor,
                                  .ratio = median / floor};
        bench_emit(&line);
    }
    beside_idle_sets(bench, other);
    lode_close(other);
    bench_close(bench);
}
