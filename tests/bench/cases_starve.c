/*
 * Fairness: eight programs put small objects as fast as they can, and what one of them, and a
 * program beside them, waits at worst. The longest turn of the store's loop meanwhile. And what a
 * put costs in CPU while it waits for room.
 */
#include "tests/bench/bench.h"
#include "tests/bench/peer.h"

#include <poll.h>
#include <signal.h>
#include <spawn.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

enum { PUTTERS = 8, PUTTERS_QUICK = 4, BURST = 32, SMALL = 1024, CONTAINS_MAX = 20000 };

extern char **environ;

/* What one putter says when its time is over. */
struct said {
    double puts_a_second, worst_ms;
};

struct putter {
    pid_t pid;
    int from;
};

int
starve_putter(const char *dir, int ms)
{
    static const uint8_t bytes[SMALL] = {1};
    struct said said = {0};
    lode_id ids[BURST];
    lode *db = peer_attach(dir);
    double start = bench_now_us(), end = start + ms * 1e3, puts = 0;
    while (bench_now_us() < end) {
        for (int i = 0; i < BURST; i++) {
            double before = bench_now_us();
            MUST(lode_put(db, bytes, sizeof bytes, LODE_FOREVER, &ids[i]));
            double took_ms = (bench_now_us() - before) / 1e3;
            said.worst_ms = took_ms > said.worst_ms ? took_ms : said.worst_ms;
        }
        for (int i = 0; i < BURST; i++) {
            lode_drop(db, ids[i]);
        }
        puts += BURST;
    }
    said.puts_a_second = puts / ((bench_now_us() - start) / 1e6);
    bench_must(write(STDOUT_FILENO, &said, sizeof said) == sizeof said ? LODE_OK : LODE_ESYS,
               "write");
    lode_close(db);
    return 0;
}

static void
start_putter(struct bench *bench, int ms, struct putter *putter_out)
{
    int ends[2];
    char time[32];
    posix_spawn_file_actions_t actions;
    snprintf(time, sizeof time, "%d", ms);
    char *argv[] = {(char *)(uintptr_t) "lode-bench",
                    (char *)(uintptr_t) "--peer",
                    (char *)(uintptr_t)lode_cluster_dir(bench->db),
                    time,
                    (char *)(uintptr_t) "putter",
                    NULL};
    bench_must(pipe(ends) == 0 ? LODE_OK : LODE_ESYS, "pipe");
    posix_spawn_file_actions_init(&actions);
    posix_spawn_file_actions_adddup2(&actions, ends[1], STDOUT_FILENO);
    posix_spawn_file_actions_addclose(&actions, ends[0]);
    bench_must(posix_spawn(&putter_out->pid, bench->self, &actions, NULL, argv, environ) == 0
                   ? LODE_OK
                   : LODE_ESYS,
               bench->self);
    posix_spawn_file_actions_destroy(&actions);
    close(ends[1]);
    putter_out->from = ends[0];
}

static void
hear_putter(const struct putter *putter, struct said *said_out)
{
    int status;
    bool heard = read(putter->from, said_out, sizeof *said_out) == sizeof *said_out;
    close(putter->from);
    waitpid(putter->pid, &status, 0);
    bench_must(heard && WIFEXITED(status) && WEXITSTATUS(status) == 0 ? LODE_OK : LODE_ESYS,
               "a putter");
}

static void
emit(const struct bench *bench, const char *variant, const char *unit, double value, double p99)
{
    struct bench_line line = {.name = "starvation",
                              .variant = variant,
                              .unit = unit,
                              .value = value,
                              .p99 = p99,
                              .cpus = bench->cpus};
    bench_emit(&line);
}

/* A program beside the putters: how long it takes to open, and to ask for what is not there. */
static void
look_beside(const struct bench *bench, int ms)
{
    static double took_ms[CONTAINS_MAX];
    int count = 0;
    double start = bench_now_us(), end = start + ms * 1e3;
    lode *db = peer_attach(lode_cluster_dir(bench->db));
    emit(bench, "open beside", "ms", (bench_now_us() - start) / 1e3, 0);
    while (count < CONTAINS_MAX && bench_now_us() < end) {
        lode_id id;
        bool is_there;
        MUST(lode_id_random(&id));
        double before = bench_now_us();
        MUST(lode_contains(db, id, &is_there));
        took_ms[count++] = (bench_now_us() - before) / 1e3;
        poll(NULL, 0, 1);
    }
    lode_close(db);
    bench_sort(took_ms, count);
    emit(bench, "contains beside", "ms", bench_at(took_ms, count, 0.5),
         bench_at(took_ms, count, 0.99));
}

static double
longest_turn_ms(const struct bench *bench)
{
    lode_store_stats stats;
    MUST(lode_get_store_stats(bench->db, &stats));
    return (double)stats.longest_turn_ns / 1e6;
}

static void
starve(struct bench *bench)
{
    struct putter putters[PUTTERS];
    int count = bench->quick ? PUTTERS_QUICK : PUTTERS, ms = bench->quick ? 2000 : 9000;
    double slowest = 0, fastest = 0, worst_ms = 0;
    bench_open(bench, 0, 0, false);
    for (int i = 0; i < count; i++) {
        start_putter(bench, ms, &putters[i]);
    }
    poll(NULL, 0, ms / 4); /* they have all started, and none has ended */
    look_beside(bench, ms / 2);
    for (int i = 0; i < count; i++) {
        struct said said;
        hear_putter(&putters[i], &said);
        slowest = i == 0 || said.puts_a_second < slowest ? said.puts_a_second : slowest;
        fastest = said.puts_a_second > fastest ? said.puts_a_second : fastest;
        worst_ms = said.worst_ms > worst_ms ? said.worst_ms : worst_ms;
    }
    emit(bench, "slowest/fastest", "share", slowest / fastest, 0);
    emit(bench, "worst put", "ms", worst_ms, 0);
    emit(bench, "longest turn", "ms", longest_turn_ms(bench), 0);
    bench_close(bench);
}

/* The store and this process, while one small put waits for room that does not come. */
static void
wait_for_room(struct bench *bench)
{
    enum { WAIT_MS = 2000, FILL_MS = 100, CAPACITY = 16 << 20 };
    static const uint8_t bytes[SMALL] = {1};
    lode_id id;
    lode_err err;
    bench_open(bench, CAPACITY, 0, false);
    do {
        err = lode_put(bench->db, bytes, sizeof bytes, FILL_MS, &id);
    } while (err == LODE_OK);
    bench_must(err == LODE_EFULL ? LODE_OK : err, "filling the store");
    double cpu_us = bench_cpu_us(bench);
    double start = bench_now_us();
    err = lode_put(bench->db, bytes, sizeof bytes, WAIT_MS, &id);
    bool has_waited = bench_now_us() - start >= WAIT_MS * 1e3 * 0.9;
    cpu_us = bench_cpu_us(bench) - cpu_us;
    bench_must(err == LODE_EFULL && has_waited ? LODE_OK : LODE_ESYS, "a put on a full store");
    emit(bench, "CPU while full", "ms", cpu_us / 1e3, 0);
    bench_close(bench);
}

void
case_starvation(struct bench *bench)
{
    starve(bench);
    wait_for_room(bench);
}
