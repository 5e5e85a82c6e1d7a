/* The cases of the whole: the main job, starting, and doing nothing. */
#include "tests/bench/bench.h"

#include "tests/bench/demo/job.h"

#include <poll.h>
#include <spawn.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

extern char **environ;

enum { MIB = 1 << 20 };

/* ---- the main job --------------------------------------------------------------------------- */

static uint64_t most_pss;

static void
look_at_memory(void *arg)
{
    uint64_t pss = machine_pss(&((struct bench *)arg)->processes);
    most_pss = pss > most_pss ? pss : most_pss;
}

/* The largest of 10240, 4096, 2048 … for which there is room, with half as much to spare. */
static int64_t
choose_n(const struct bench *bench)
{
    static const int64_t SIZES[] = {10240, 4096, 2048, 1024, 256};
    size_t i = bench->quick ? 1 : 0;
    while (
        i < sizeof SIZES / sizeof SIZES[0] - 1 &&
        (job_shared_bytes(SIZES[i]) * 3 / 2 > machine_shared_free("/dev/shm") ||
         (job_shared_bytes(SIZES[i]) + job_own_bytes(SIZES[i])) * 3 / 2 > machine_memory_free())) {
        i++;
    }
    return SIZES[i];
}

void
case_matmul_fanout(struct bench *bench)
{
    enum { ROUNDS = 6 };
    int64_t n = choose_n(bench);
    struct job job;
    struct job_round round[ROUNDS];
    double lode_s[ROUNDS], own_s[ROUNDS];
    char variant[64];
    bench_open(bench, job_shared_bytes(n) * 5 / 4 + 64 * MIB, 0, false);
    MUST(job_open(bench->db, n, &job));
    for (int i = 0; i < ROUNDS; i++) {
        MUST(job_run(&job, look_at_memory, bench, &round[i]));
        lode_s[i] = round[i].tasks_s;
        own_s[i] = round[i].in_process_s;
    }
    job_close(&job);
    bench_sort(lode_s + 1, ROUNDS - 1);
    bench_sort(own_s + 1, ROUNDS - 1);
    double median = bench_at(lode_s + 1, ROUNDS - 1, 0.5);
    double floor = bench_at(own_s + 1, ROUNDS - 1, 0.5);
    snprintf(variant, sizeof variant, "n=%lld", (long long)n);
    struct bench_line line = {.name = "matmul_fanout",
                              .variant = variant,
                              .unit = "s",
                              .value = median,
                              .p99 = lode_s[ROUNDS - 1],
                              .first = round[0].tasks_s,
                              .cpus = bench->cpus,
                              .floor_name = "in process",
                              .floor = floor,
                              .ratio = floor / median,
                              .memory_mb = (double)most_pss / 1e6};
    bench_emit(&line);
    bench_close(bench);
}

/* ---- starting ------------------------------------------------------------------------------- */

/* Prints how many ms it took from before the cluster was there to the first result. */
int
startup_child(void)
{
    lode *db;
    lode_id id;
    lode_view view;
    lode_open_options options = {.struct_size = sizeof options, .flags = LODE_OPEN_PRIVATE};
    double start = bench_now_us();
    MUST(lode_open(NULL, &options, &db));
    bench_load(db);
    MUST(lode_call(db, "bench.noop", LODE_NO_ARGS, NULL, &id));
    MUST(lode_get(db, id, LODE_FOREVER, &view));
    printf("%.3f\n", (bench_now_us() - start) / 1e3);
    lode_release(&view);
    lode_drop(db, id);
    lode_close(db);
    return 0;
}

/* Runs a program to its end; its first line as a number (0: none). */
static double
run_program(const char *path, const char *argument)
{
    int pipe_fds[2];
    char text[64] = {0};
    pid_t pid;
    posix_spawn_file_actions_t actions;
    char *argv[] = {(char *)(uintptr_t)path, (char *)(uintptr_t)argument, NULL};
    bench_must(pipe(pipe_fds) == 0 ? LODE_OK : LODE_ESYS, "pipe");
    posix_spawn_file_actions_init(&actions);
    posix_spawn_file_actions_adddup2(&actions, pipe_fds[1], STDOUT_FILENO);
    posix_spawn_file_actions_addclose(&actions, pipe_fds[0]);
    bench_must(posix_spawn(&pid, path, &actions, NULL, argv, environ) == 0 ? LODE_OK : LODE_ESYS,
               path);
    posix_spawn_file_actions_destroy(&actions);
    close(pipe_fds[1]);
    ssize_t size = read(pipe_fds[0], text, sizeof text - 1);
    int status;
    waitpid(pid, &status, 0);
    close(pipe_fds[0]);
    bench_must(WIFEXITED(status) && WEXITSTATUS(status) == 0 ? LODE_OK : LODE_ESYS, path);
    return size > 0 ? strtod(text, NULL) : 0;
}

/* Starting one program that does nothing, four times: supervisor, store, scheduler, worker. */
static double
floor_start_ms(void)
{
    enum { ROUNDS = 15, PROGRAMS = 4 };
    double ms[ROUNDS];
    for (int i = 0; i < ROUNDS; i++) {
        double start = bench_now_us();
        for (int j = 0; j < PROGRAMS; j++) {
            run_program("/bin/true", NULL);
        }
        ms[i] = (bench_now_us() - start) / 1e3;
    }
    bench_sort(ms, ROUNDS);
    return bench_at(ms, ROUNDS, 0.5);
}

void
case_startup(struct bench *bench)
{
    enum { ROUNDS = 11 };
    double ms[ROUNDS], floor = floor_start_ms();
    for (int i = 0; i < ROUNDS; i++) {
        ms[i] = run_program(bench->self, "--first-result");
    }
    bench_sort(ms, ROUNDS);
    double median = bench_at(ms, ROUNDS, 0.5);
    struct bench_line line = {.name = "startup",
                              .unit = "ms",
                              .value = median,
                              .p99 = ms[ROUNDS - 1],
                              .cpus = bench->cpus,
                              .floor_name = "four programs",
                              .floor = floor,
                              .ratio = median / floor};
    bench_emit(&line);
}

/* ---- doing nothing -------------------------------------------------------------------------- */

static uint64_t
daemons_memory(const struct bench *bench)
{
    lode_store_stats store;
    lode_scheduler_stats scheduler;
    MUST(lode_get_store_stats(bench->db, &store));
    MUST(lode_get_scheduler_stats(bench->db, &scheduler));
    return bench_own_memory((pid_t)store.store_pid) +
           bench_own_memory((pid_t)scheduler.scheduler_pid);
}

/* Sleeps without a wake-up of its own that would be counted: this process is left out. */
void
case_idle(struct bench *bench)
{
    enum { SETTLE_MS = 4000 };
    int idle_ms = bench->quick ? 3000 : 10000;
    bench_open(bench, 0, 0, true);
    uint64_t memory = daemons_memory(bench);
    struct bench others = *bench;
    others.processes.count--;
    memmove(others.processes.pid, bench->processes.pid + 1,
            (size_t)others.processes.count * sizeof(pid_t));
    poll(NULL, 0, SETTLE_MS);
    uint64_t switches = bench_switches(&others);
    poll(NULL, 0, idle_ms);
    switches = bench_switches(&others) - switches;
    struct bench_line line = {.name = "idle",
                              .unit = "switches",
                              .value = (double)switches,
                              .cpus = bench->cpus,
                              .floor_name = "asleep",
                              .floor = 0,
                              .switches = (double)switches,
                              .memory_mb = (double)memory / 1e6,
                              .counted = true};
    bench_emit(&line);
    bench_close(bench);
}
