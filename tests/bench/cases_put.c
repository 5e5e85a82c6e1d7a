/* Small puts: by one program, in bursts and paced, and by two at once. */
#include "tests/bench/bench.h"
#include "tests/bench/peer.h"

#include <stdlib.h>
#include <string.h>

enum {
    KIB = 1024,
    PUTS_A_BURST = 32,
    PACE_US = 100,
    PUTTERS = 2,
    LIVE = 1000, /* objects that each of two putters keeps: then it drops the oldest */
    MANY = 500000
};

/* ---- one program ---------------------------------------------------------------------------- */

static void
drop_all(lode *db, lode_id *ids, int count)
{
    lode_store_stats stats;
    for (int i = 0; i < count; i++) {
        lode_drop(db, ids[i]);
    }
    MUST(lode_get_store_stats(db, &stats)); /* the ring is drained: what it spent has come back */
}

static void
emit_put_small(struct bench *bench, const char *variant, double *us, int count, double switches,
               double floor)
{
    bench_sort(us, count);
    double median = bench_at(us, count, 0.5);
    struct bench_line line = {.name = "put_small",
                              .variant = variant,
                              .unit = "us",
                              .value = median,
                              .p99 = bench_at(us, count, 0.99),
                              .cpus = bench->cpus,
                              .floor_name = "memcpy",
                              .floor = floor,
                              .ratio = median / floor,
                              .switches = switches,
                              .counted = true};
    bench_emit(&line);
}

static void
put_bursts(struct bench *bench, const void *bytes, double floor)
{
    int rounds = bench_rounds(bench, 2000);
    double *us = bench_samples(rounds);
    lode_id ids[PUTS_A_BURST];
    uint64_t switches = 0;
    for (int i = 0; i < rounds; i++) {
        uint64_t before = i < 100 ? bench_switches(bench) : 0;
        double start = bench_now_us();
        for (int j = 0; j < PUTS_A_BURST; j++) {
            MUST(lode_put(bench->db, bytes, KIB, LODE_FOREVER, &ids[j]));
        }
        us[i] = (bench_now_us() - start) / PUTS_A_BURST;
        switches += i < 100 ? bench_switches(bench) - before : 0;
        drop_all(bench->db, ids, PUTS_A_BURST);
    }
    int counted = rounds < 100 ? rounds : 100;
    emit_put_small(bench, "burst", us, rounds, (double)switches / (counted * PUTS_A_BURST), floor);
    free(us);
}

static void
put_paced(struct bench *bench, const void *bytes, double floor)
{
    int rounds = bench_rounds(bench, 20000);
    double *us = bench_samples(rounds);
    lode_id id;
    uint64_t switches = bench_switches(bench);
    double next = bench_now_us();
    for (int i = 0; i < rounds; i++) {
        next += PACE_US;
        while (bench_now_us() < next) {
        }
        double start = bench_now_us();
        MUST(lode_put(bench->db, bytes, KIB, LODE_FOREVER, &id));
        us[i] = bench_now_us() - start;
        lode_drop(bench->db, id);
    }
    switches = bench_switches(bench) - switches;
    emit_put_small(bench, "paced", us, rounds, (double)switches / rounds, floor);
    free(us);
}

void
case_put_small(struct bench *bench)
{
    uint8_t bytes[KIB] = {1};
    double floor = KIB / (floor_memcpy_gb_s(KIB, 20001) * 1e3);
    bench_open(bench, 0, 0, false);
    lode_id ids[PUTS_A_BURST];
    for (int i = 0; i < PUTS_A_BURST; i++) {
        MUST(lode_put(bench->db, bytes, KIB, LODE_FOREVER, &ids[i]));
    }
    drop_all(bench->db, ids, PUTS_A_BURST);
    put_bursts(bench, bytes, floor);
    put_paced(bench, bytes, floor);
    bench_close(bench);
}

/* ---- two programs --------------------------------------------------------------------------- */

struct said {
    double puts, seconds, cpu_us;
};

static const uint8_t bytes_of_all[KIB] = {1};

/* Puts, and drops the oldest of the LIVE objects that it has. Returns how often it put. */
static double
put_for(lode *db, lode_id *live, int ms)
{
    double puts = 0, end = bench_now_us() + ms * 1e3;
    while (bench_now_us() < end) {
        for (int i = 0; i < LIVE; i++) {
            lode_drop(db, live[i]);
            MUST(lode_put(db, bytes_of_all, KIB, LODE_FOREVER, &live[i]));
        }
        puts += LIVE;
    }
    return puts;
}

int
put_small_putter(const char *dir, int ms, bool beside_many)
{
    static lode_id live[LIVE], many;
    lode *db = peer_attach(dir);
    for (int i = 0; beside_many && i < MANY; i++) {
        MUST(lode_put(db, &i, sizeof i, LODE_FOREVER, &many));
    }
    for (int i = 0; i < LIVE; i++) {
        MUST(lode_put(db, bytes_of_all, KIB, LODE_FOREVER, &live[i]));
    }
    (void)put_for(db, live, ms / 10); /* the session's credit has grown, and memory is warm */
    peer_say_ready_and_wait();
    double start = bench_now_us(), cpu_us = bench_clock_us(CLOCK_PROCESS_CPUTIME_ID);
    struct said said = {.puts = put_for(db, live, ms)};
    said.seconds = (bench_now_us() - start) / 1e6;
    said.cpu_us = bench_clock_us(CLOCK_PROCESS_CPUTIME_ID) - cpu_us;
    peer_say(&said, sizeof said);
    lode_close(db);
    return 0;
}

static void
emit_two(const struct bench *bench, const char *variant, const char *unit, double value,
         double floor, double cpu_us)
{
    struct bench_line line = {.name = "put_small_two",
                              .variant = variant,
                              .unit = unit,
                              .value = value,
                              .cpus = bench->cpus,
                              .floor_name = floor > 0 ? "memcpy, ring of records" : NULL,
                              .floor = floor,
                              .ratio = floor > 0 ? floor / value : 0,
                              .cpu_us = cpu_us};
    bench_emit(&line);
}

/* The store's CPU time so far. It is another process, whose clock everybody may read. */
static double
store_us(const struct bench *bench)
{
    lode_store_stats stats;
    clockid_t clock;
    MUST(lode_get_store_stats(bench->db, &stats));
    bench_must(clock_getcpuclockid((pid_t)stats.store_pid, &clock) == 0 ? LODE_OK : LODE_ESYS,
               "the store's clock");
    return bench_clock_us(clock);
}

static void
put_two(struct bench *bench, bool beside_many, const char *names[3])
{
    struct peer putters[PUTTERS];
    int ms = bench_rounds(bench, 2000);
    double rate = 0, puts = 0, clients_us = 0;
    double floor = floor_rings_m_s(PUTTERS, KIB, ms / 4);
    bench_open(bench, 0, 0, false);
    for (int i = 0; i < PUTTERS; i++) {
        peer_start(bench, ms, beside_many ? "putter of many" : "putter of few", &putters[i]);
    }
    for (int i = 0; i < PUTTERS; i++) {
        peer_await_ready(&putters[i]);
    }
    double us_of_store = store_us(bench);
    for (int i = 0; i < PUTTERS; i++) {
        peer_go(&putters[i]);
    }
    for (int i = 0; i < PUTTERS; i++) {
        struct said said;
        peer_hear(&putters[i], &said, sizeof said);
        rate += said.puts / said.seconds / 1e6;
        puts += said.puts;
        clients_us += said.cpu_us;
    }
    us_of_store = store_us(bench) - us_of_store;
    for (int i = 0; i < PUTTERS; i++) {
        peer_end(&putters[i]);
    }
    emit_two(bench, names[0], "M/s", rate, floor, (us_of_store + clients_us) / puts);
    emit_two(bench, names[1], "ns", us_of_store / puts * 1e3, 0, 0);
    emit_two(bench, names[2], "ns", clients_us / puts * 1e3, 0, 0);
    bench_close(bench);
}

void
case_put_small_two(struct bench *bench)
{
    put_two(bench, false, (const char *[]){NULL, "store a put", "client a put"});
    put_two(bench, true, (const char *[]){"of 10^6", "store of 10^6", "client of 10^6"});
}
