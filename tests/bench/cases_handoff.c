/*
 * Handing over: one process puts, the other one sleeps in a get, wakes and puts its answer. The ids
 * are known to both beforehand: reserved ones, which go by ring, or of the user's own choice, where
 * the put must ask the store whether the id is free.
 */
#include "tests/bench/bench.h"

#include "tests/bench/floor.h"

#include <signal.h>
#include <spawn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>

enum { KIB = 1 << 10 };

extern char **environ;

/* One side of the ping-pong: what it puts, and what it takes. */
struct side {
    lode *db;
    const lode_id *own, *others;
};

static void
hand(const struct side *side, int n)
{
    uint8_t bytes[KIB] = {1};
    lode_create_options options = {.struct_size = sizeof options, .id = side->own[n]};
    MUST(lode_put_with(side->db, bytes, sizeof bytes, &options, LODE_FOREVER, NULL));
}

static void
take(const struct side *side, int n)
{
    lode_view view;
    MUST(lode_get(side->db, side->others[n], LODE_FOREVER, &view));
    lode_release(&view);
}

/* Each side tells the other its ids by an object with a name. */
static lode_id *
tell_ids(lode *db, int count, bool chosen, const char *name)
{
    lode_id *ids = calloc((size_t)count, sizeof *ids), list;
    for (int i = 0; i < count && chosen; i++) {
        MUST(lode_id_random(&ids[i]));
    }
    if (!chosen) {
        MUST(lode_reserve(db, (size_t)count, ids));
    }
    MUST(lode_put(db, ids, (size_t)count * sizeof *ids, LODE_FOREVER, &list));
    MUST(lode_name_set(db, "handoff", name, list, 0));
    lode_drop(db, list);
    return ids;
}

static const lode_id *
hear_ids(lode *db, const char *name, lode_view *view_out)
{
    MUST(lode_name_get(db, "handoff", name, LODE_FOREVER, view_out));
    return view_out->data;
}

int
handoff_peer(const char *dir, int rounds, bool chosen)
{
    struct side side;
    lode_view others;
    lode_open_options options = {.struct_size = sizeof options,
                                 .flags = LODE_OPEN_ATTACH | LODE_OPEN_STORE_ONLY};
    MUST(lode_open(dir, &options, &side.db));
    lode_id *own = tell_ids(side.db, rounds + 1, chosen, "far");
    side.own = own;
    side.others = hear_ids(side.db, "near", &others);
    for (int i = 0; i < rounds; i++) {
        take(&side, i);
        hand(&side, i);
        if (i > 0) {
            lode_drop(side.db, own[i - 1]); /* taken: the other side has answered since */
        }
    }
    take(&side, rounds); /* the last one is taken too, and may go with this session */
    lode_release(&others);
    lode_close(side.db);
    free(own);
    return 0;
}

static pid_t
start_peer(struct bench *bench, int rounds, bool chosen)
{
    char count[32];
    pid_t pid;
    snprintf(count, sizeof count, "%d", rounds);
    char *argv[] = {(char *)(uintptr_t) "lode-bench",
                    (char *)(uintptr_t) "--peer",
                    (char *)(uintptr_t)lode_cluster_dir(bench->db),
                    count,
                    (char *)(uintptr_t)(chosen ? "chosen" : "reserved"),
                    NULL};
    int failed = posix_spawn(&pid, bench->self, NULL, NULL, argv, environ);
    if (failed != 0) {
        fprintf(stderr, "lode-bench: cannot start %s: %s\n", bench->self, strerror(failed));
        exit(1);
    }
    bench->processes.pid[bench->processes.count++] = pid;
    return pid;
}

static void
end_peer(struct bench *bench, pid_t peer)
{
    int status;
    waitpid(peer, &status, 0);
    bench->processes.count--;
    bench_must(WIFEXITED(status) && WEXITSTATUS(status) == 0 ? LODE_OK : LODE_ESYS, "the peer");
}

/* Gives the voluntary switches of all rounds but the last. */
static uint64_t
play(struct bench *bench, const struct side *side, int warm, int rounds, double *us)
{
    uint64_t switches = 0;
    for (int i = 0; i < rounds + warm; i++) {
        if (i == warm) {
            switches = bench_switches(bench);
        }
        double start = bench_now_us();
        hand(side, i);
        take(side, i);
        if (i >= warm) {
            us[i - warm] = bench_now_us() - start;
        }
        lode_drop(side->db, side->own[i]);
        if (i == rounds + warm - 2) {
            switches = bench_switches(bench) - switches;
        }
    }
    return switches;
}

/*
 * Where a chain's processes come to lie, on one CPU or over two, is the kernel's choice, made anew
 * for each chain, and worth a factor of three. So the floor and lode take turns, each time with new
 * processes, and what counts is the median of the series' medians.
 */
enum { SERIES = 7 };

struct series {
    double us[SERIES], p99[SERIES], floor_us[SERIES], switches[SERIES];
};

static void
play_one(struct bench *bench, bool chosen, int rounds, struct series *series, int at)
{
    int warm = rounds / 10;
    double *us = calloc((size_t)rounds, sizeof *us);
    lode_view others;
    series->floor_us[at] = floor_futex_chain(rounds).median_us;
    bench_open(bench, 0, 0, false);
    struct side side = {.db = bench->db};
    pid_t peer = start_peer(bench, rounds + warm, chosen);
    lode_id *own = tell_ids(bench->db, rounds + warm + 1, chosen, "near");
    side.own = own;
    side.others = hear_ids(bench->db, "far", &others);
    uint64_t switches = play(bench, &side, warm, rounds, us);
    hand(&side, rounds + warm);
    end_peer(bench, peer);
    lode_release(&others);
    bench_close(bench);
    bench_sort(us, rounds);
    series->us[at] = bench_at(us, rounds, 0.5);
    series->p99[at] = bench_at(us, rounds, 0.99);
    series->switches[at] = (double)switches / (rounds - 1);
    free(own);
    free(us);
}

static double
middle(double *samples)
{
    bench_sort(samples, SERIES);
    return bench_at(samples, SERIES, 0.5);
}

static void
handoff(struct bench *bench, bool chosen)
{
    struct series series;
    int rounds = bench_rounds(bench, 14000) / SERIES;
    for (int i = 0; i < SERIES; i++) {
        play_one(bench, chosen, rounds, &series, i);
    }
    double median = middle(series.us), floor = middle(series.floor_us);
    struct bench_line line = {.name = "handoff",
                              .variant = chosen ? "chosen ids" : NULL,
                              .unit = "us",
                              .value = median,
                              .p99 = middle(series.p99),
                              .cpus = bench->cpus,
                              .floor_name = "futex chain",
                              .floor = floor,
                              .ratio = median / floor,
                              .switches = middle(series.switches),
                              .counted = true};
    bench_emit(&line);
}

void
case_handoff(struct bench *bench)
{
    handoff(bench, false);
    handoff(bench, true);
}
