/*
 * Many programs of one cluster at once, all putting or all calling tasks: how much they do together
 * beside what one does alone, and how evenly it falls to them.
 */
#include "tests/bench/bench.h"
#include "tests/bench/peer.h"

#include <string.h>

enum { KIB = 1024, LIVE = 200, CALLS = 200, PROGRAMS_MAX = 64, SAMPLES = 4096 };

struct said {
    double done, seconds, cpu_us, p99_us;
};

/* ---- a program ------------------------------------------------------------------------------ */

/* Puts, with the drop of the oldest of LIVE objects. Returns how many. */
static double
put_some(lode *db)
{
    static const uint8_t bytes[KIB] = {1};
    static lode_id live[LIVE];
    for (int i = 0; i < LIVE; i++) {
        lode_drop(db, live[i]); /* at first the zero id, which is nothing */
        MUST(lode_put(db, bytes, KIB, LODE_FOREVER, &live[i]));
    }
    return LIVE;
}

static double
call_some(lode *db)
{
    static lode_id ids[CALLS];
    for (int i = 0; i < CALLS; i++) {
        MUST(lode_call(db, "bench.noop", LODE_NO_ARGS, NULL, &ids[i]));
    }
    MUST(lode_wait(db, ids, CALLS, CALLS, LODE_FOREVER, NULL, NULL));
    for (int i = 0; i < CALLS; i++) {
        lode_drop(db, ids[i]);
    }
    return CALLS;
}

/* p99 is of rounds of LIVE puts or CALLS tasks. */
int
programs_peer(const char *dir, int ms, bool calls)
{
    static double us[SAMPLES];
    lode_open_options options = {.struct_size = sizeof options,
                                 .flags = LODE_OPEN_ATTACH | (calls ? 0 : LODE_OPEN_STORE_ONLY)};
    double (*some)(lode * db) = calls ? call_some : put_some;
    lode *db;
    MUST(lode_open(dir, &options, &db));
    if (calls) {
        bench_load(db);
    }
    (void)some(db);
    peer_say_ready_and_wait();
    struct said said = {0};
    int rounds = 0;
    double start = bench_now_us(), now = start, cpu_us = bench_clock_us(CLOCK_PROCESS_CPUTIME_ID);
    while (now < start + ms * 1e3) {
        double before = now;
        said.done += some(db);
        now = bench_now_us();
        us[rounds++ % SAMPLES] = now - before;
    }
    said.seconds = (now - start) / 1e6;
    said.cpu_us = bench_clock_us(CLOCK_PROCESS_CPUTIME_ID) - cpu_us;
    rounds = rounds < SAMPLES ? rounds : SAMPLES;
    bench_sort(us, rounds);
    said.p99_us = bench_at(us, rounds, 0.99);
    peer_say(&said, sizeof said);
    lode_close(db);
    return 0;
}

/* ---- the case ------------------------------------------------------------------------------- */

struct together {
    double rate, slowest, fastest, p99_us, cpu_us;
};

static struct together
run_together(const struct bench *bench, int programs, bool calls, int ms)
{
    struct peer peer[PROGRAMS_MAX];
    struct together all = {.slowest = 1e30};
    double done = 0, cpu_us = 0;
    for (int i = 0; i < programs; i++) {
        peer_start(bench, ms, calls ? "program that calls" : "program that puts", &peer[i]);
    }
    for (int i = 0; i < programs; i++) {
        peer_await_ready(&peer[i]);
    }
    double before = bench_cpu_us(bench);
    for (int i = 0; i < programs; i++) {
        peer_go(&peer[i]);
    }
    for (int i = 0; i < programs; i++) {
        struct said said;
        peer_hear(&peer[i], &said, sizeof said);
        double rate = said.done / said.seconds;
        all.rate += rate;
        all.slowest = rate < all.slowest ? rate : all.slowest;
        all.fastest = rate > all.fastest ? rate : all.fastest;
        all.p99_us = said.p99_us > all.p99_us ? said.p99_us : all.p99_us;
        done += said.done;
        cpu_us += said.cpu_us;
    }
    all.cpu_us = (bench_cpu_us(bench) - before + cpu_us) / done;
    for (int i = 0; i < programs; i++) {
        peer_end(&peer[i]);
    }
    return all;
}

static void
emit(const struct bench *bench, const char *variant, const char *unit, double value, double floor,
     double cpu_us)
{
    struct bench_line line = {.name = "many_programs",
                              .variant = variant,
                              .unit = unit,
                              .value = value,
                              .cpus = bench->cpus,
                              .floor_name = floor > 0 ? "one program" : NULL,
                              .floor = floor,
                              .ratio = floor > 0 ? value / floor : 0,
                              .cpu_us = cpu_us};
    bench_emit(&line);
}

static void
compare(const struct bench *bench, bool calls)
{
    static const int programs[] = {16, 64};
    const char *what = calls ? "task" : "put";
    int ms = bench_rounds(bench, 1500);
    struct together one = run_together(bench, 1, calls, ms);
    emit(bench, calls ? "1 task" : "1 put", "1/s", one.rate, 0, one.cpu_us);
    for (int i = 0; i < 2; i++) {
        char variant[64];
        struct together all = run_together(bench, programs[i], calls, ms);
        snprintf(variant, sizeof variant, "%d %s", programs[i], what);
        emit(bench, variant, "1/s", all.rate, one.rate, all.cpu_us);
        snprintf(variant, sizeof variant, "%d %s, even", programs[i], what);
        emit(bench, variant, "min/max", all.slowest / all.fastest, 0, 0);
        snprintf(variant, sizeof variant, "%d %s, p99 of 200", programs[i], what);
        emit(bench, variant, "us", all.p99_us, one.p99_us, 0);
    }
}

void
case_many_programs(struct bench *bench)
{
    bench_open(bench, 0, 0, true);
    compare(bench, false);
    compare(bench, true);
    bench_close(bench);
}
