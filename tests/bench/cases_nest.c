/*
 * Tasks that call tasks and wait for them: fib(16), a task for each call of the function. The floor
 * is as many tasks one after the other, which one program calls and waits for.
 */
#include "tests/bench/bench_async.h"

enum { FIB = 16, FIB_QUICK = 10, FIB_ROUNDS = 3, SYNC_ROUNDS = 2000 };

/* Calls that fib(n) makes, its own counted: 3,193 for 16. */
static int
calls_of(int n)
{
    return n < 2 ? 1 : 1 + calls_of(n - 1) + calls_of(n - 2);
}

static double
fib_once(lode *db, int n)
{
    lode_id id;
    int64_t value;
    double start = bench_now_us();
    MUST(lode_call(db, "bench.fib", LODE_ARGS(lode_i64(n)), NULL, &id));
    MUST(lode_get_i64(db, id, LODE_FOREVER, &value));
    lode_drop(db, id);
    bench_must(value == (n == FIB ? 987 : 55) ? LODE_OK : LODE_ECORRUPT, "fib");
    return (bench_now_us() - start) / 1e6;
}

static double
one_after_the_other_us(lode *db, int rounds)
{
    double start = bench_now_us();
    for (int i = 0; i < rounds; i++) {
        lode_id id;
        int64_t value;
        MUST(lode_call(db, "bench.inc", LODE_ARGS(lode_i64(i)), NULL, &id));
        MUST(lode_get_i64(db, id, LODE_FOREVER, &value));
        lode_drop(db, id);
    }
    return (bench_now_us() - start) / rounds;
}

void
case_fib(struct bench *bench)
{
    double s[FIB_ROUNDS];
    int n = bench->quick ? FIB_QUICK : FIB;
    bench_open(bench, 0, 0, true);
    double floor =
        one_after_the_other_us(bench->db, bench_rounds(bench, SYNC_ROUNDS)) * calls_of(n) / 1e6;
    fib_once(bench->db, n);
    MUST(machine_cluster(bench->db, &bench->processes));
    uint64_t switches = bench_switches(bench);
    double cpu_us = bench_cpu_us(bench);
    for (int i = 0; i < FIB_ROUNDS; i++) {
        s[i] = fib_once(bench->db, n);
    }
    double calls = (double)FIB_ROUNDS * calls_of(n);
    cpu_us = bench_cpu_us(bench) - cpu_us;
    switches = bench_switches(bench) - switches;
    bench_sort(s, FIB_ROUNDS);
    double median = bench_at(s, FIB_ROUNDS, 0.5);
    struct bench_line line = {.name = "fib",
                              .variant = n == FIB ? "16" : "10",
                              .unit = "s",
                              .value = median,
                              .p99 = s[FIB_ROUNDS - 1],
                              .cpus = bench->cpus,
                              .floor_name = "as many task_sync",
                              .floor = floor,
                              .ratio = median / floor,
                              .switches = (double)switches / calls,
                              .cpu_us = cpu_us / calls,
                              .counted = true};
    bench_emit(&line);
    bench_close(bench);
}
