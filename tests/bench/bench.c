#include "tests/bench/bench.h"

#include "api/base/clock.h"

#include <dirent.h>
#include <dlfcn.h>
#include <stdlib.h>
#include <string.h>

enum { PATH_BYTES = 4096, WARM_TASKS = 2000 };

void
bench_must(lode_err err, const char *what)
{
    if (err != LODE_OK) {
        fprintf(stderr, "lode-bench: %s: %s: %s\n", what, lode_err_name(err), lode_last_error());
        exit(1);
    }
}

double
bench_now_us(void)
{
    return (double)lode_now_ns() / 1e3;
}

double
bench_clock_us(clockid_t clock)
{
    struct timespec at = {0};
    bench_must(clock_gettime(clock, &at) == 0 ? LODE_OK : LODE_ESYS, "clock_gettime");
    return (double)at.tv_sec * 1e6 + (double)at.tv_nsec / 1e3;
}

int
bench_rounds(const struct bench *bench, int usual)
{
    return bench->quick && usual >= 100 ? usual / 10 : usual;
}

void
bench_put_all(lode *db, lode_id *ids, int count)
{
    for (int i = 0; i < count; i++) {
        MUST(lode_put(db, &i, sizeof i, LODE_FOREVER, &ids[i]));
    }
}

/*
 * The answer comes after what was dropped before is freed. On a machine with much other work that
 * may be later than a call waits.
 */
void
bench_await_none(lode *db)
{
    lode_store_stats stats;
    lode_err err;
    do {
        err = lode_get_store_stats(db, &stats);
    } while (err == LODE_ETIMEDOUT);
    bench_must(err, "lode_get_store_stats");
    bench_must(stats.objects == 0 ? LODE_OK : LODE_ECORRUPT, "what is left");
}

static int
by_value(const void *a, const void *b)
{
    double x = *(const double *)a, y = *(const double *)b;
    return x < y ? -1 : x > y;
}

double *
bench_samples(int count)
{
    double *samples = calloc((size_t)count, sizeof *samples);
    bench_must(samples != NULL ? LODE_OK : LODE_ENOMEM, "samples");
    return samples;
}

void
bench_sort(double *samples, int count)
{
    qsort(samples, (size_t)count, sizeof *samples, by_value);
}

double
bench_at(const double *sorted, int count, double fraction)
{
    int i = (int)(fraction * count);
    return sorted[i < count ? i : count - 1];
}

static void
number(const char *name, double value)
{
    if (value != 0) {
        printf(",\"%s\":%.6g", name, value);
    }
}

static void
text(const char *name, const char *value)
{
    if (value != NULL) {
        printf(",\"%s\":\"%s\"", name, value);
    }
}

void
bench_emit(const struct bench_line *line)
{
    printf("{\"schema\":\"lode.bench/1\",\"peer\":\"lode\",\"case\":\"%s\"", line->name);
    text("variant", line->variant);
    text("unit", line->unit);
    text("absent", line->absent);
    if (line->absent == NULL) {
        printf(",\"value\":%.6g", line->value);
    }
    number("p99", line->p99);
    number("first", line->first);
    printf(",\"cpus\":%d", line->cpus);
    text("floor_is", line->floor_name);
    number("floor", line->floor);
    number("ratio", line->ratio);
    if (line->counted) {
        printf(",\"switches\":%.6g", line->switches);
    }
    number("cpu_us", line->cpu_us);
    number("memory_mb", line->memory_mb);
    printf("}\n");
    fflush(stdout);
}

/* The library lies beside liblode, in the build tree and installed alike. */
void
bench_load(lode *db)
{
    Dl_info info;
    char path[PATH_BYTES];
    if (dladdr((const void *)lode_version, &info) == 0 || info.dli_fname == NULL) {
        fprintf(stderr, "lode-bench: cannot tell where liblode lies\n");
        exit(1);
    }
    const char *slash = strrchr(info.dli_fname, '/');
    int dir = slash != NULL ? (int)(slash - info.dli_fname) : 1;
    snprintf(path, sizeof path, "%.*s/liblode-bench-tasks.so", dir,
             slash != NULL ? info.dli_fname : ".");
    MUST(lode_load(db, path));
}

/* So that each worker has the function, and its run time is known. */
static void
warm_up(lode *db)
{
    static lode_id ids[WARM_TASKS];
    for (int i = 0; i < WARM_TASKS; i++) {
        MUST(lode_call(db, "bench.noop", LODE_NO_ARGS, NULL, &ids[i]));
    }
    MUST(lode_wait(db, ids, WARM_TASKS, WARM_TASKS, LODE_FOREVER, NULL, NULL));
    for (int i = 0; i < WARM_TASKS; i++) {
        lode_drop(db, ids[i]);
    }
}

void
bench_open(struct bench *bench, uint64_t capacity_bytes, uint32_t flags, bool tasks)
{
    lode_open_options options = {.struct_size = sizeof options,
                                 .flags = LODE_OPEN_PRIVATE | flags,
                                 .num_cpus = bench->cpus,
                                 .capacity_bytes = capacity_bytes};
    MUST(lode_open(NULL, &options, &bench->db));
    if (tasks) {
        bench_load(bench->db);
        warm_up(bench->db);
    }
    MUST(machine_cluster(bench->db, &bench->processes));
}

void
bench_close(struct bench *bench)
{
    enum { END_MS = 5000 };
    lode_close(bench->db);
    bench->db = NULL;
    (void)machine_await_ends(&bench->processes, 0); /* a private cluster ends with this process */
}

static uint64_t
number_after(const char *path, const char *key)
{
    char line[256];
    unsigned long long value = 0;
    FILE *file = fopen(path, "re");
    if (file == NULL) {
        return 0;
    }
    while (fgets(line, sizeof line, file) != NULL) {
        if (strncmp(line, key, strlen(key)) == 0) {
            value = strtoull(line + strlen(key), NULL, 10);
            break;
        }
    }
    fclose(file);
    return value;
}

/* Nanoseconds on a CPU: the first number of a thread's schedstat. */
static uint64_t
cpu_of_thread(const char *dir)
{
    char path[PATH_BYTES];
    unsigned long long ns = 0;
    snprintf(path, sizeof path, "%s/schedstat", dir);
    FILE *file = fopen(path, "re");
    if (file != NULL) {
        if (fscanf(file, "%llu", &ns) != 1) {
            ns = 0;
        }
        fclose(file);
    }
    return ns;
}

static uint64_t
switches_of_thread(const char *dir)
{
    char path[PATH_BYTES];
    snprintf(path, sizeof path, "%s/status", dir);
    return number_after(path, "voluntary_ctxt_switches:");
}

/* The sum over all threads of a process; each is given its directory below /proc. */
static uint64_t
sum_threads_of(pid_t pid, uint64_t (*of_thread)(const char *dir))
{
    char path[64], thread[PATH_BYTES / 2];
    uint64_t sum = 0;
    snprintf(path, sizeof path, "/proc/%d/task", (int)pid);
    DIR *dir = opendir(path);
    struct dirent *entry;
    while (dir != NULL && (entry = readdir(dir)) != NULL) {
        if (entry->d_name[0] != '.') {
            snprintf(thread, sizeof thread, "%s/%s", path, entry->d_name);
            sum += of_thread(thread);
        }
    }
    if (dir != NULL) {
        closedir(dir);
    }
    return sum;
}

static uint64_t
sum_threads(const struct bench *bench, uint64_t (*of_thread)(const char *dir))
{
    uint64_t sum = 0;
    for (int i = 0; i < bench->processes.count; i++) {
        sum += sum_threads_of(bench->processes.pid[i], of_thread);
    }
    return sum;
}

uint64_t
bench_switches(const struct bench *bench)
{
    return sum_threads(bench, switches_of_thread);
}

double
bench_cpu_us(const struct bench *bench)
{
    return (double)sum_threads(bench, cpu_of_thread) / 1e3;
}

double
bench_cpu_us_of(pid_t pid)
{
    return (double)sum_threads_of(pid, cpu_of_thread) / 1e3;
}

uint64_t
bench_own_memory(pid_t pid)
{
    char path[64];
    snprintf(path, sizeof path, "/proc/%d/status", (int)pid);
    return (number_after(path, "RssAnon:") + number_after(path, "RssFile:")) * 1024;
}
