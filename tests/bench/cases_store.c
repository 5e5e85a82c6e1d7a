/* The store's cases: get, and put of large objects. */
#include "tests/bench/bench.h"

#include <errno.h>
#include <spawn.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

enum { MB = 1000 * 1000, GETS_A_SAMPLE = 1000 };

extern char **environ;

static double *
new_samples(int count)
{
    double *samples = calloc((size_t)count, sizeof *samples);
    if (samples == NULL) {
        bench_must(LODE_ENOMEM, "samples");
    }
    return samples;
}

/* ---- get ------------------------------------------------------------------------------------ */

/* What no get can do without: a pin, a fence, a second look, and the same to let go. In us. */
static double
floor_pin_and_look(void)
{
    enum { ROUNDS = 2000000 };
    static _Atomic uint32_t pin;
    static _Atomic uint64_t word = 1;
    uint64_t seen = 0;
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
    double us = (bench_now_us() - start) / ROUNDS;
    if (seen != (uint64_t)ROUNDS * 3) {
        bench_must(LODE_ECORRUPT, "floor");
    }
    return us;
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
    double *us = new_samples(rounds);
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
