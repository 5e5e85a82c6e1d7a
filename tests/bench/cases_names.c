/*
 * Following a name: each of two processes publishes by binding its name to a new object, and sleeps
 * in lode_name_wait() until the other one has bound its own. A round is to and fro. The floor is as
 * much through two pipes, between two processes, with the same bytes.
 */
#include "tests/bench/floor_private.h"
#include "tests/bench/peer.h"

#include <fcntl.h>
#include <stdlib.h>
#include <unistd.h>

enum { KIB = 1 << 10, SERIES = 5 };

/* ---- the floor ------------------------------------------------------------------------------ */

struct pipes {
    int to[2], from[2];
};

static void
pass(int from, int to)
{
    uint8_t bytes[KIB];
    bench_must(read(from, bytes, sizeof bytes) == KIB ? LODE_OK : LODE_ESYS, "read");
    bench_must(write(to, bytes, sizeof bytes) == KIB ? LODE_OK : LODE_ESYS, "write");
}

static void
answer_for_ever(void *arg)
{
    const struct pipes *pipes = arg;
    for (;;) {
        pass(pipes->to[0], pipes->from[1]);
    }
}

/* The median of a round, in us. */
static double
floor_pipes(int rounds)
{
    struct pipes pipes;
    uint8_t bytes[KIB] = {1};
    double *us = bench_samples(rounds);
    bool made = pipe2(pipes.to, O_CLOEXEC) == 0 && pipe2(pipes.from, O_CLOEXEC) == 0;
    bench_must(made ? LODE_OK : LODE_ESYS, "pipe");
    pid_t child = floor_child(answer_for_ever, &pipes);
    bench_must(write(pipes.to[1], bytes, sizeof bytes) == KIB ? LODE_OK : LODE_ESYS, "write");
    for (int i = 0; i < rounds; i++) {
        double start = bench_now_us();
        pass(pipes.from[0], pipes.to[1]);
        us[i] = bench_now_us() - start;
    }
    floor_end_child(child);
    for (int i = 0; i < 2; i++) {
        close(pipes.to[i]);
        close(pipes.from[i]);
    }
    bench_sort(us, rounds);
    double median = bench_at(us, rounds, 0.5);
    free(us);
    return median;
}

/* ---- the case ------------------------------------------------------------------------------- */

static void
publish(lode *db, const char *name)
{
    static const uint8_t bytes[KIB] = {1};
    lode_id id;
    MUST(lode_put(db, bytes, sizeof bytes, LODE_FOREVER, &id));
    MUST(lode_name_set(db, "bench", name, id, LODE_NAME_REPLACE));
    lode_drop(db, id);
}

static void
follow(lode *db, const char *name, uint64_t *version)
{
    lode_view view;
    MUST(lode_name_wait(db, "bench", name, *version, LODE_FOREVER, &view, version));
    lode_release(&view);
}

int
names_follower(const char *dir, int rounds)
{
    uint64_t version = 0;
    lode *db = peer_attach(dir);
    peer_say_ready_and_wait();
    for (int i = 0; i < rounds; i++) {
        follow(db, "near", &version);
        publish(db, "far");
    }
    peer_say(&version, sizeof version);
    lode_close(db);
    return 0;
}

struct series {
    double us[SERIES], p99[SERIES], floor_us[SERIES], switches[SERIES], cpu_us[SERIES];
};

/* Where the processes come to lie is chosen anew for each (see cases_handoff.c). */
static void
play(struct bench *bench, int rounds, struct series *series, int at)
{
    int warm = rounds / 10;
    struct peer peer;
    uint64_t version = 0, switches = 0;
    double *us = bench_samples(rounds), cpu_us = 0;
    series->floor_us[at] = floor_pipes(rounds);
    bench_open(bench, 0, 0, false);
    peer_start(bench, rounds + warm, "follower", &peer);
    bench->processes.pid[bench->processes.count++] = peer.pid;
    peer_await_ready(&peer);
    peer_go(&peer);
    for (int i = 0; i < rounds + warm; i++) {
        if (i == warm) {
            switches = bench_switches(bench);
            cpu_us = bench_cpu_us(bench);
        }
        double start = bench_now_us();
        publish(bench->db, "near");
        follow(bench->db, "far", &version);
        us[i < warm ? 0 : i - warm] = bench_now_us() - start;
    }
    series->switches[at] = (double)(bench_switches(bench) - switches) / rounds;
    series->cpu_us[at] = (bench_cpu_us(bench) - cpu_us) / rounds;
    uint64_t seen;
    peer_hear(&peer, &seen, sizeof seen);
    bench_must(seen == (uint64_t)(rounds + warm) ? LODE_OK : LODE_ECORRUPT, "versions");
    bench->processes.count--;
    peer_end(&peer);
    bench_close(bench);
    bench_sort(us, rounds);
    series->us[at] = bench_at(us, rounds, 0.5);
    series->p99[at] = bench_at(us, rounds, 0.99);
    free(us);
}

static double
middle(double *samples)
{
    bench_sort(samples, SERIES);
    return bench_at(samples, SERIES, 0.5);
}

void
case_name_wait(struct bench *bench)
{
    struct series series;
    int rounds = bench_rounds(bench, 10000) / SERIES;
    for (int i = 0; i < SERIES; i++) {
        play(bench, rounds, &series, i);
    }
    double median = middle(series.us), floor = middle(series.floor_us);
    struct bench_line line = {.name = "name_wait",
                              .unit = "us",
                              .value = median,
                              .p99 = middle(series.p99),
                              .cpus = bench->cpus,
                              .floor_name = "two pipes",
                              .floor = floor,
                              .ratio = median / floor,
                              .switches = middle(series.switches),
                              .cpu_us = middle(series.cpu_us),
                              .counted = true};
    bench_emit(&line);
}
