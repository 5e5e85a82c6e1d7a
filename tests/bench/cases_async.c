/*
 * Many tasks at once: the rate of calls, tasks and gets, and what each process of the cluster pays
 * for a task. CPU time is the figure to go by: on a machine that does other things, too, the rate
 * says how much of it was left.
 */
#include "tests/bench/bench_async.h"

#include <stdlib.h>
#include <string.h>

/* ---- whose CPU time ------------------------------------------------------------------------- */

static const char *const ROLE[BENCH_ROLES] = {"submitter", "store", "scheduler", "workers"};
static const char *const PROGRAM[BENCH_ROLES] = {"", "lode-store", "lode-scheduler", "lode-worker"};

/* The role of a process by the name of its program; BENCH_ROLES: another (the supervisor). */
static int
role_of(const struct bench *bench, int index)
{
    char path[64], name[32] = "";
    if (index == 0) {
        return 0; /* this process */
    }
    snprintf(path, sizeof path, "/proc/%d/comm", (int)bench->processes.pid[index]);
    FILE *file = fopen(path, "re");
    if (file != NULL) {
        if (fgets(name, sizeof name, file) == NULL) {
            name[0] = '\0';
        }
        fclose(file);
    }
    name[strcspn(name, "\n")] = '\0';
    for (int role = 1; role < BENCH_ROLES; role++) {
        if (strcmp(name, PROGRAM[role]) == 0) {
            return role;
        }
    }
    return BENCH_ROLES;
}

struct bench_shares
bench_shares(const struct bench *bench)
{
    struct bench_shares shares = {.switches = bench_switches(bench)};
    for (int i = 0; i < bench->processes.count; i++) {
        double us = bench_cpu_us_of(bench->processes.pid[i]);
        int role = role_of(bench, i);
        shares.all_us += us;
        if (role < BENCH_ROLES) {
            shares.us[role] += us;
        }
    }
    return shares;
}

void
bench_emit_shares(const struct bench *bench, const char *name, const struct bench_shares *before,
                  double tasks)
{
    struct bench_shares now = bench_shares(bench);
    for (int role = 0; role < BENCH_ROLES; role++) {
        struct bench_line line = {.name = name,
                                  .variant = ROLE[role],
                                  .unit = "us CPU",
                                  .value = (now.us[role] - before->us[role]) / tasks,
                                  .cpus = bench->cpus};
        bench_emit(&line);
    }
}

/* ---- many at once --------------------------------------------------------------------------- */

enum { OUTSTANDING = 100000, ROUNDS = 7 };

double
bench_all_at_once(lode *db, lode_id *ids, int count)
{
    double start = bench_now_us();
    for (int i = 0; i < count; i++) {
        MUST(lode_call(db, "bench.noop", LODE_NO_ARGS, NULL, &ids[i]));
    }
    for (int i = 0; i < count; i++) {
        lode_view view;
        MUST(lode_get(db, ids[i], LODE_FOREVER, &view));
        lode_release(&view);
        lode_drop(db, ids[i]);
    }
    return count / (bench_now_us() - start) * 1e6;
}

void
case_task_async(struct bench *bench)
{
    int count = bench_rounds(bench, OUTSTANDING), rounds = bench->quick ? 3 : ROUNDS;
    double rate[ROUNDS], tasks = (double)rounds * count;
    lode_id *ids = calloc((size_t)count, sizeof *ids);
    double floor = floor_tasks_many(count);
    bench_open(bench, 0, 0, true);
    bench_all_at_once(bench->db, ids, count);
    struct bench_shares before = bench_shares(bench);
    for (int i = 0; i < rounds; i++) {
        rate[i] = bench_all_at_once(bench->db, ids, count);
    }
    struct bench_shares after = bench_shares(bench);
    bench_emit_shares(bench, "task_async", &before, tasks);
    bench_sort(rate, rounds);
    struct bench_line line = {.name = "task_async",
                              .unit = "tasks/s",
                              .value = bench_at(rate, rounds, 0.5),
                              .p99 = rate[0],
                              .cpus = bench->cpus,
                              .floor_name = "sockets and a ring",
                              .floor = floor,
                              .ratio = bench_at(rate, rounds, 0.5) / floor,
                              .switches = (double)(after.switches - before.switches) / tasks,
                              .cpu_us = (after.all_us - before.all_us) / tasks,
                              .counted = true};
    bench_emit(&line);
    bench_close(bench);
    free(ids);
}
