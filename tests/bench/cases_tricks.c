/*
 * Each trick that a machine may lack (api/system/tricks.h), with it and without it: the value of a
 * row is without it, the floor with it, in turn in one run. LODE_WITHOUT makes the difference: a
 * session reads it as it is opened, a store as it starts, and copies once a process.
 */
#include "api/layout/id.h"
#include "api/system/copy.h"
#include "tests/bench/bench.h"
#include "tests/bench/peer.h"

#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

enum { MB = 1000 * 1000, MIB = 1 << 20, ROUNDS = 9, LARGEST = 100 * MB };

static void
emit(const struct bench *bench, const char *variant, const char *unit, double with[ROUNDS],
     double without[ROUNDS])
{
    bench_sort(with, ROUNDS);
    bench_sort(without, ROUNDS);
    double floor = bench_at(with, ROUNDS, 0.5), value = bench_at(without, ROUNDS, 0.5);
    struct bench_line line = {.name = "tricks",
                              .variant = variant,
                              .unit = unit,
                              .value = value,
                              .cpus = bench->cpus,
                              .floor_name = "with it",
                              .floor = floor,
                              .ratio = value / floor};
    bench_emit(&line);
}

/* ---- many small objects --------------------------------------------------------------------- */

struct many {
    lode *db;
    pid_t store;
    uint32_t count;
    lode_id first; /* the ids follow each other */
    lode_id *ids;
    uint64_t random;
};

static uint64_t
next_random(struct many *many)
{
    many->random ^= many->random << 13;
    many->random ^= many->random >> 7;
    many->random ^= many->random << 17;
    return many->random;
}

static void
settle(struct many *many)
{
    lode_store_stats stats;
    MUST(lode_get_store_stats(many->db, &stats)); /* the ring is drained */
    many->store = (pid_t)stats.store_pid;
}

static struct many
open_many(const struct bench *bench, const char *without)
{
    uint8_t bytes[16] = {1};
    lode_open_options options = {.struct_size = sizeof options,
                                 .flags = LODE_OPEN_PRIVATE,
                                 .num_cpus = bench->cpus,
                                 .capacity_bytes = 64 * MB};
    struct many many = {.count = bench->quick ? 100000 : 1000000, .random = 88172645463325252u};
    many.ids = calloc(many.count, sizeof *many.ids);
    bench_must(many.ids != NULL ? LODE_OK : LODE_ENOMEM, "ids");
    setenv("LODE_WITHOUT", without, 1);
    MUST(lode_open(NULL, &options, &many.db));
    unsetenv("LODE_WITHOUT");
    for (uint32_t i = 0; i < many.count; i++) {
        MUST(lode_put(many.db, bytes, sizeof bytes, LODE_FOREVER, &many.ids[i]));
    }
    many.first = many.ids[0];
    settle(&many);
    return many;
}

static void
close_many(struct many *many)
{
    lode_close(many->db);
    free(many->ids);
}

/* A get of an object that nobody got lately, by CPU time. */
static double
get_ns(struct many *many, lode *reader)
{
    int gets = (int)many->count / 10;
    double start = bench_clock_us(CLOCK_THREAD_CPUTIME_ID);
    for (int i = 0; i < gets; i++) {
        lode_view view;
        uint64_t at = (next_random(many) & 0xffffffff) * many->count >> 32;
        MUST(lode_get(reader, lode_id_plus(many->first, at), LODE_FOREVER, &view));
        lode_release(&view);
    }
    return (bench_clock_us(CLOCK_THREAD_CPUTIME_ID) - start) * 1e3 / gets;
}

/* What the store pays for a put and the drop of an object that nobody used lately. */
static double
store_ns(struct many *many)
{
    uint8_t bytes[16] = {1};
    int puts = (int)many->count / 10;
    double start = bench_cpu_us_of(many->store);
    for (int i = 0; i < puts; i++) {
        lode_id *at = &many->ids[(next_random(many) & 0xffffffff) * many->count >> 32];
        lode_drop(many->db, *at);
        MUST(lode_put(many->db, bytes, sizeof bytes, LODE_FOREVER, at));
    }
    settle(many);
    return (bench_cpu_us_of(many->store) - start) * 1e3 / puts;
}

static void
compare_gets(const struct bench *bench, struct many *many)
{
    double on[ROUNDS], off[ROUNDS];
    lode *far;
    setenv("LODE_WITHOUT", "near", 1);
    far = peer_attach(lode_cluster_dir(many->db));
    unsetenv("LODE_WITHOUT");
    for (int i = -1; i < ROUNDS; i++) {
        on[i < 0 ? 0 : i] = get_ns(many, many->db);
        off[i < 0 ? 0 : i] = get_ns(many, far);
    }
    lode_close(far);
    emit(bench, "near, get", "ns CPU", on, off);
}

/* A get and a release of what was got just now. */
static double
get_again_ns(lode *reader, lode_id id)
{
    enum { GETS = 100000 };
    double start = bench_clock_us(CLOCK_THREAD_CPUTIME_ID);
    for (int i = 0; i < GETS; i++) {
        lode_view view;
        MUST(lode_get(reader, id, LODE_FOREVER, &view));
        lode_release(&view);
    }
    return (bench_clock_us(CLOCK_THREAD_CPUTIME_ID) - start) * 1e3 / GETS;
}

static void
compare_releases(const struct bench *bench, const struct many *many)
{
    double on[ROUNDS], off[ROUNDS];
    setenv("LODE_WITHOUT", "plain", 1);
    lode *fencing = peer_attach(lode_cluster_dir(many->db));
    unsetenv("LODE_WITHOUT");
    for (int i = -1; i < ROUNDS; i++) {
        on[i < 0 ? 0 : i] = get_again_ns(many->db, many->first);
        off[i < 0 ? 0 : i] = get_again_ns(fencing, many->first);
    }
    lode_close(fencing);
    emit(bench, "plain, get again", "ns CPU", on, off);
}

static void
compare_puts(const struct bench *bench, const char *variant, struct many *with,
             struct many *without)
{
    double on[ROUNDS], off[ROUNDS];
    for (int i = -1; i < ROUNDS; i++) {
        on[i < 0 ? 0 : i] = store_ns(with);
        off[i < 0 ? 0 : i] = store_ns(without);
    }
    emit(bench, variant, "ns CPU", on, off);
}

static void
compare_many(const struct bench *bench)
{
    struct many with = open_many(bench, "");
    compare_gets(bench, &with);
    compare_releases(bench, &with);
    struct many late = open_many(bench, "ahead");
    compare_puts(bench, "ahead, store a put", &with, &late);
    close_many(&late);
    close_many(&with);
}

/* ---- large objects -------------------------------------------------------------------------- */

struct large_put {
    double us;
    lode_id id;
};

/* Puts as many bytes as it is told, until it is told no more. */
int
tricks_putter(const char *dir, bool unprotected)
{
    uint8_t *bytes = malloc(LARGEST);
    size_t size;
    lode *db;
    lode_open_options options = {.struct_size = sizeof options,
                                 .flags = LODE_OPEN_ATTACH | LODE_OPEN_STORE_ONLY |
                                          (unprotected ? LODE_OPEN_UNPROTECTED : 0)};
    bench_must(bytes != NULL ? LODE_OK : LODE_ENOMEM, "bytes");
    memset(bytes, 1, LARGEST);
    MUST(lode_open(dir, &options, &db));
    while (read(STDIN_FILENO, &size, sizeof size) == (ssize_t)sizeof size) {
        struct large_put put = {0};
        double start = bench_now_us();
        MUST(lode_put(db, bytes, size, LODE_FOREVER, &put.id));
        put.us = bench_now_us() - start;
        if (write(STDOUT_FILENO, &put, sizeof put) != (ssize_t)sizeof put) {
            break;
        }
        (void)!read(STDIN_FILENO, &size, 1); /* it was read */
        lode_drop(db, put.id);
        lode_store_stats stats;
        MUST(lode_get_store_stats(db, &stats)); /* freed: the next put gets warm pages */
    }
    lode_close(db);
    free(bytes);
    return 0;
}

static struct peer
start_putter(const struct bench *bench, bool unprotected, const char *without)
{
    struct peer peer;
    setenv("LODE_WITHOUT", without, 1);
    peer_start(bench, unprotected, "putter of large", &peer);
    unsetenv("LODE_WITHOUT");
    return peer;
}

/* Of the put, and with the first read, by this process, of each line. */
static void
put_and_read(const struct bench *bench, const struct peer *peer, size_t size, double *put_us,
             double *both_us)
{
    struct large_put put;
    lode_view view;
    uint64_t sum = 0;
    bench_must(write(peer->fd, &size, sizeof size) == (ssize_t)sizeof size ? LODE_OK : LODE_ESYS,
               "a put is asked for");
    peer_hear(peer, &put, sizeof put);
    MUST(lode_get(bench->db, put.id, LODE_FOREVER, &view));
    double start = bench_now_us();
    for (size_t i = 0; i < size; i += 64) {
        sum += ((const uint8_t *)view.data)[i];
    }
    *put_us = put.us;
    *both_us = put.us + bench_now_us() - start;
    bench_must(sum == (size + 63) / 64 ? LODE_OK : LODE_ECORRUPT, "what was put");
    lode_release(&view);
    peer_go(peer);
}

static void
compare_large(const struct bench *bench, const char *trick, bool unprotected, size_t size)
{
    double put[2][ROUNDS], both[2][ROUNDS];
    char variant[64];
    struct peer peer[2] = {start_putter(bench, unprotected, ""),
                           start_putter(bench, unprotected, trick)};
    for (int i = -3; i < ROUNDS; i++) {
        for (int way = 0; way < 2; way++) {
            int at = i < 0 ? 0 : i;
            put_and_read(bench, &peer[way], size, &put[way][at], &both[way][at]);
        }
    }
    peer_end(&peer[0]);
    peer_end(&peer[1]);
    snprintf(variant, sizeof variant, "%s, %.3g MB put", trick, (double)size / MB);
    emit(bench, variant, "us", put[0], put[1]);
    snprintf(variant, sizeof variant, "%s, %.3g MB put+read", trick, (double)size / MB);
    emit(bench, variant, "us", both[0], both[1]);
}

static void
say_absent(const struct bench *bench, const char *variant, const char *why)
{
    struct bench_line line = {
        .name = "tricks", .variant = variant, .unit = "-", .cpus = bench->cpus, .absent = why};
    bench_emit(&line);
}

static bool
has_keys(void)
{
    int key = pkey_alloc(0, 0);
    if (key >= 0) {
        pkey_free(key);
    }
    return key >= 0;
}

void
case_tricks(struct bench *bench)
{
    compare_many(bench);
    bench_open(bench, UINT64_C(5) * LARGEST, 0, false);
    if (lode_copy_streams_from() <= 16 * MIB) {
        compare_large(bench, "stream", true, lode_copy_streams_from());
        compare_large(bench, "stream", true, 16 * MIB);
        compare_large(bench, "stream", true, LARGEST);
    } else {
        say_absent(bench, "stream", "no copies past the caches here");
    }
    if (has_keys()) {
        compare_large(bench, "key", false, MIB);
        compare_large(bench, "key", false, LARGEST);
    } else {
        say_absent(bench, "key", "no protection keys here");
    }
    bench_close(bench);
}
