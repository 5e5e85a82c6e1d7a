/*
 * lode-demo: the main job, end to end, at the largest size that fits this machine. Starts a private
 * cluster in directories of its own, runs the job, checks every result, says what it took, and then
 * looks whether anything is left. Exit status 0: all results are right and nothing is left.
 */
#include "tests/bench/demo/figures.h"
#include "tests/bench/demo/job.h"
#include "tests/bench/demo/machine.h"

#include <argp.h>
#include <cblas.h>
#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { ROUNDS = 3, END_MS = 5000, N_MAX = 40000 };

#define MB            1e6
#define STORE_SLACK   (UINT64_C(12) << 20) /* index, truth, sessions, the figures' objects */
#define PROCESS_BYTES (UINT64_C(48) << 20) /* a process with OpenBLAS and its buffers */

static const int64_t sizes[] = {10240, 4096, 2048, 1024, 512, 256};

struct directories {
    char shm[PATH_MAX], state[64], run[64];
};

struct memory {
    lode *db;
    struct machine_processes processes;
    uint64_t peak;
    lode_err err;
};

static uint64_t
store_capacity(int64_t n)
{
    return job_shared_bytes(n) + job_shared_bytes(n) / 50 + STORE_SLACK;
}

static bool
fits(int64_t n, const char *shm)
{
    uint64_t shared = store_capacity(n) + STORE_SLACK;
    uint64_t own = job_own_bytes(n) + (uint64_t)(machine_cpus() + 1) * PROCESS_BYTES;
    return shared <= machine_shared_free(shm) && shared + own <= machine_memory_free();
}

static int64_t
largest_that_fits(const char *shm)
{
    for (size_t i = 0; i < sizeof sizes / sizeof sizes[0]; i++) {
        if (fits(sizes[i], shm)) {
            return sizes[i];
        }
    }
    return 0;
}

static error_t
parse_option(int key, char *text, struct argp_state *state)
{
    int64_t *n = state->input;
    if (key != 'n') {
        return ARGP_ERR_UNKNOWN;
    }
    char *end;
    long value = strtol(text, &end, 10);
    if (*end != '\0' || value < 1 || value > N_MAX) {
        argp_error(state, "'%s' is no size: give 1 to %d", text, N_MAX);
    }
    *n = value;
    return 0;
}

static bool
make_directory(char *path)
{
    char pattern[PATH_MAX];
    snprintf(pattern, sizeof pattern, "%s", path); /* mkdtemp() may leave anything in it */
    if (mkdtemp(path) == NULL) {
        fprintf(stderr, "lode-demo: cannot make the directory '%s': %s\n", pattern,
                strerror(errno));
        return false;
    }
    return true;
}

/* Directories that nobody else uses, so that what lies in them afterwards was left by this run. */
static bool
make_directories(struct directories *d)
{
    const char *tmpfs = getenv("LODE_SHM_DIR"); /* where the user has his shared memory */
    snprintf(d->shm, sizeof d->shm, "%s/lode-demo-XXXXXX", tmpfs != NULL ? tmpfs : "/dev/shm");
    strcpy(d->state, "/var/tmp/lode-demo-XXXXXX");
    strcpy(d->run, "/tmp/lode-demo-XXXXXX");
    if (!make_directory(d->shm) || !make_directory(d->state) || !make_directory(d->run)) {
        return false;
    }
    setenv("LODE_SHM_DIR", d->shm, 1);
    setenv("LODE_STATE_DIR", d->state, 1);
    setenv("XDG_RUNTIME_DIR", d->run, 1);
    unsetenv("LODE_DIR");
    return true;
}

/* While the results of a round are pinned: the processes, and the most that they took. */
static void
note_memory(void *arg)
{
    struct memory *memory = arg;
    memory->err = machine_cluster(memory->db, &memory->processes);
    uint64_t pss = machine_pss(&memory->processes);
    memory->peak = pss > memory->peak ? pss : memory->peak;
}

static void
print_memory(const struct memory *memory, int64_t n)
{
    double x = (double)n * (double)n * sizeof(double);
    int workers = memory->processes.workers;
    printf("memory   %.1f MB for all %d processes (PSS); X alone is %.1f MB; with a copy of X in "
           "each of the %d workers it would be %.1f MB more\n",
           (double)memory->peak / MB, memory->processes.count, x / MB, workers, workers * x / MB);
}

static lode_err
run_rounds(struct job *job, struct memory *memory)
{
    for (int i = 1; i <= ROUNDS; i++) {
        struct job_round round;
        LODE_TRY(job_run(job, note_memory, memory, &round));
        LODE_TRY(memory->err);
        printf("round %d  %.3f s in tasks, %.3f s in process (%.0f %% of its speed), all %d "
               "results right (largest difference %.1e n)\n",
               i, round.tasks_s, round.in_process_s, 100 * round.in_process_s / round.tasks_s,
               JOB_TASKS, round.worst);
        fflush(stdout);
    }
    return LODE_OK;
}

static lode_err
print_figures(lode *db)
{
    struct figures f;
    LODE_TRY(figures_measure(db, &f));
    printf("figures  get of 1 KiB %.0f ns, put of 1 KiB %.2f us, put of 1 MiB %.0f us, a task "
           "there and back %.0f us, %.0f tasks/s\n",
           f.get_ns, f.put_ns / 1e3, f.put_1mib_us, f.task_us, f.tasks_per_s);
    return LODE_OK;
}

static lode_err
run(lode *db, int64_t n, struct memory *memory)
{
    struct job job;
    double start = job_now_s();
    lode_err err = job_open(db, n, &job);
    if (err == LODE_OK) {
        printf("put      X in %.2f s\n", job_now_s() - start);
        err = run_rounds(&job, memory);
    }
    if (err == LODE_OK) {
        print_memory(memory, n);
        err = print_figures(db);
    }
    job_close(&job);
    return err;
}

/* Everything that the run may have left; prints it. */
static bool
nothing_left(const struct memory *memory, const struct directories *d)
{
    int processes = machine_await_ends(&memory->processes, END_MS);
    int files = machine_files(d->shm) + machine_files(d->run) + machine_files(d->state);
    printf("left     %d processes, %d files, %d of them in shared memory\n", processes, files,
           machine_files(d->shm));
    return processes == 0 && files == 0;
}

static void
remove_directories(const struct directories *d)
{
    const char *all[] = {d->shm, d->state, d->run};
    for (size_t i = 0; i < sizeof all / sizeof all[0]; i++) {
        if (rmdir(all[i]) != 0 && errno != ENOENT) {
            fprintf(stderr, "lode-demo: %s stays: %s\n", all[i], strerror(errno));
        }
    }
}

static int
demonstrate(int64_t n, const struct directories *d)
{
    struct memory memory = {.db = NULL};
    int cpus = machine_cpus();
    lode_open_options options = {.struct_size = sizeof options,
                                 .flags = LODE_OPEN_PRIVATE,
                                 .num_cpus = cpus,
                                 .capacity_bytes = store_capacity(n)};
    openblas_set_num_threads(cpus);
    double start = job_now_s();
    lode_err err = lode_open(NULL, &options, &memory.db);
    if (err == LODE_OK) {
        printf("cluster  up in %.0f ms, with %d CPUs\n", (job_now_s() - start) * 1e3, cpus);
        err = run(memory.db, n, &memory);
    }
    if (err != LODE_OK) {
        fprintf(stderr, "lode-demo: %s: %s\n", lode_err_name(err), lode_last_error());
    }
    lode_close(memory.db);
    bool clean = nothing_left(&memory, d);
    remove_directories(d);
    printf("n = %lld: %s\n", (long long)n,
           err != LODE_OK ? "FAILED"
           : clean        ? "every result right, nothing left behind"
                          : "every result right, BUT SOMETHING IS LEFT");
    return err == LODE_OK && clean ? 0 : 1;
}

int
main(int argc, char **argv)
{
    const struct argp_option options[] = {
        {"n", 'n', "N", 0, "X is N x N; by default the largest of 10240, 4096, 2048 … that fits",
         0},
        {0}};
    const struct argp argp = {options, parse_option, NULL, "The main job of lode, at full size.",
                              NULL,    NULL,         NULL};
    struct directories d;
    int64_t n = 0;
    argp_err_exit_status = 2;
    argp_parse(&argp, argc, argv, 0, NULL, &n);
    bool chosen = n > 0;
    if (!make_directories(&d)) {
        return 1;
    }
    if (!chosen) {
        n = largest_that_fits(d.shm);
    }
    if (n == 0) {
        fprintf(stderr,
                "lode-demo: no size fits: %.0f MB of memory and %.0f MB of shared memory "
                "are free\n",
                (double)machine_memory_free() / MB, (double)machine_shared_free(d.shm) / MB);
        remove_directories(&d);
        return 1;
    }
    printf("n = %lld%s: X is %lld x %lld doubles, %.1f MB; %d tasks x @ y with y %lld x %d\n",
           (long long)n,
           chosen          ? ", as asked for"
           : n == sizes[0] ? ""
                           : ", the largest that fits here",
           (long long)n, (long long)n, (double)n * (double)n * sizeof(double) / MB, JOB_TASKS,
           (long long)n, JOB_COLUMNS);
    fflush(stdout);
    return demonstrate(n, &d);
}
