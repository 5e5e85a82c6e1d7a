/*
 * Large puts, into warm memory: by lode_put(), which copies past the caches from some size on, and
 * as it was without that: memcpy into a draft, whose pages mprotect() opens and closes. All take
 * turns with the floor, memcpy into shared memory.
 */
#include "tests/bench/bench.h"

#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

enum { MB = 1000 * 1000, ROUNDS_MAX = 20, WARM = 4 };

enum way { FLOOR, PUT, PUT_OPEN, COPY, COPY_OPEN, WAYS };
static const char *const NAMES[WAYS] = {"", "protected", "not protected", "protected, memcpy",
                                        "not protected, memcpy"};

struct large {
    lode *db[2]; /* protected, and not */
    size_t size;
    const char *called;
    uint8_t *bytes, *shared;
};

static void
put_by(const struct large *large, enum way way, lode_id *id_out)
{
    lode *db = large->db[way == PUT_OPEN || way == COPY_OPEN];
    if (way == PUT || way == PUT_OPEN) {
        MUST(lode_put(db, large->bytes, large->size, LODE_FOREVER, id_out));
        return;
    }
    lode_draft draft;
    MUST(lode_create(db, large->size, NULL, LODE_FOREVER, &draft));
    memcpy(draft.data, large->bytes, large->size);
    MUST(lode_seal(&draft, id_out));
}

static double
play(const struct large *large, enum way way)
{
    lode_id id;
    lode_store_stats stats;
    double start = bench_now_us();
    if (way == FLOOR) {
        memcpy(large->shared, large->bytes, large->size);
        __asm__ volatile("" : : "r"(large->shared) : "memory");
        return bench_now_us() - start;
    }
    put_by(large, way, &id);
    double us = bench_now_us() - start;
    lode *db = large->db[way == PUT_OPEN || way == COPY_OPEN];
    lode_drop(db, id);
    MUST(lode_get_store_stats(db, &stats)); /* freed: the next put gets warm pages */
    return us;
}

static void
put_sizes(const struct large *large, int cpus, int rounds)
{
    double us[WAYS][ROUNDS_MAX], floor = 0;
    for (int i = -WARM; i < rounds; i++) {
        for (int way = 0; way < WAYS; way++) {
            us[way][i < 0 ? 0 : i] = play(large, (enum way)way);
        }
    }
    for (int way = 0; way < WAYS; way++) {
        char variant[64];
        bench_sort(us[way], rounds);
        double gb_s = (double)large->size / bench_at(us[way], rounds, 0.5) / 1e3;
        floor = way == FLOOR ? gb_s : floor;
        snprintf(variant, sizeof variant, "%s %s", large->called, NAMES[way]);
        struct bench_line line = {.name = "put_large",
                                  .variant = variant,
                                  .unit = "GB/s",
                                  .value = gb_s,
                                  .p99 =
                                      (double)large->size / bench_at(us[way], rounds, 0.99) / 1e3,
                                  .cpus = cpus,
                                  .floor_name = "memcpy",
                                  .floor = floor,
                                  .ratio = gb_s / floor};
        if (way != FLOOR) {
            bench_emit(&line);
        }
    }
}

void
case_put_large(struct bench *bench)
{
    /* lode_put() copies past the caches from 4 to 16 MiB on, by the machine. */
    static const size_t sizes[] = {4 * MB, 16 << 20, 100 * MB};
    static const char *const called[] = {"4 MB", "16 MiB", "100 MB"};
    enum { LARGEST = 100 * MB };
    struct large large = {
        .bytes = malloc(LARGEST),
        .shared = mmap(NULL, LARGEST, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0)};
    bench_must(large.bytes != NULL && large.shared != MAP_FAILED ? LODE_OK : LODE_ENOMEM, "bytes");
    memset(large.bytes, 1, LARGEST);
    memset(large.shared, 2, LARGEST);
    bench_open(bench, UINT64_C(6) * LARGEST, 0, false);
    lode_open_options options = {.struct_size = sizeof options,
                                 .flags = LODE_OPEN_ATTACH | LODE_OPEN_STORE_ONLY |
                                          LODE_OPEN_UNPROTECTED};
    large.db[0] = bench->db;
    MUST(lode_open(lode_cluster_dir(bench->db), &options, &large.db[1]));
    for (size_t i = 0; i < sizeof sizes / sizeof sizes[0]; i++) {
        large.size = sizes[i];
        large.called = called[i];
        put_sizes(&large, bench->cpus, bench->quick ? 5 : ROUNDS_MAX);
    }
    lode_close(large.db[1]);
    bench_close(bench);
    munmap(large.shared, LARGEST);
    free(large.bytes);
}
