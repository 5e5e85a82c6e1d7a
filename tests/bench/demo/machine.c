#include "tests/bench/demo/machine.h"

#include <errno.h>
#include <ftw.h>
#include <poll.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

enum { LINE_MAX_BYTES = 512, KIB = 1024 };

/* The number behind `key` in a file of "key number" lines; `missing` where there is none. */
static uint64_t
read_number(const char *path, const char *key, uint64_t missing)
{
    char line[LINE_MAX_BYTES];
    uint64_t value = missing;
    FILE *file = fopen(path, "re");
    if (file == NULL) {
        return missing;
    }
    while (fgets(line, sizeof line, file) != NULL) {
        unsigned long long number;
        if (strncmp(line, key, strlen(key)) == 0 &&
            sscanf(line + strlen(key), " %llu", &number) == 1) {
            value = number;
            break;
        }
    }
    fclose(file);
    return value;
}

static uint64_t
smaller(uint64_t a, uint64_t b)
{
    return a < b ? a : b;
}

/* "max" is no number, and so no limit. */
static uint64_t
cgroup_free(void)
{
    uint64_t limit = read_number("/sys/fs/cgroup/memory.max", "", UINT64_MAX);
    uint64_t used = read_number("/sys/fs/cgroup/memory.current", "", 0);
    uint64_t cache = read_number("/sys/fs/cgroup/memory.stat", "inactive_file", 0);
    if (limit == UINT64_MAX) {
        return limit;
    }
    used = used > cache ? used - cache : 0;
    return limit > used ? limit - used : 0;
}

uint64_t
machine_memory_free(void)
{
    return smaller(read_number("/proc/meminfo", "MemAvailable:", 0) * KIB, cgroup_free());
}

uint64_t
machine_shared_free(const char *dir)
{
    struct statvfs fs;
    return statvfs(dir, &fs) == 0 ? (uint64_t)fs.f_bavail * fs.f_frsize : 0;
}

int
machine_cpus(void)
{
    cpu_set_t set;
    return sched_getaffinity(0, sizeof set, &set) == 0 ? CPU_COUNT(&set) : 1;
}

static void
add(struct machine_processes *processes, pid_t pid)
{
    if (pid > 0 && processes->count < MACHINE_PROCESSES_MAX) {
        processes->pid[processes->count++] = pid;
    }
}

static bool
is_worker(pid_t pid)
{
    char path[64];
    char name[32] = "";
    snprintf(path, sizeof path, "/proc/%d/comm", (int)pid);
    FILE *file = fopen(path, "re");
    if (file != NULL) {
        if (fgets(name, sizeof name, file) == NULL) {
            name[0] = '\0';
        }
        fclose(file);
    }
    return strcmp(name, "lode-worker\n") == 0;
}

static void
add_workers(struct machine_processes *processes, pid_t parent)
{
    char path[64];
    int pid;
    snprintf(path, sizeof path, "/proc/%d/task/%d/children", (int)parent, (int)parent);
    FILE *file = fopen(path, "re");
    if (file == NULL) {
        return;
    }
    while (fscanf(file, "%d", &pid) == 1) {
        if (is_worker(pid)) {
            add(processes, pid);
            processes->workers++;
        }
    }
    fclose(file);
}

lode_err
machine_cluster(lode *db, struct machine_processes *processes_out)
{
    struct machine_processes processes = {.count = 0};
    lode_store_stats store;
    lode_scheduler_stats scheduler;
    char path[64];
    LODE_TRY(lode_get_store_stats(db, &store));
    LODE_TRY(lode_get_scheduler_stats(db, &scheduler));
    snprintf(path, sizeof path, "/proc/%lld/status", (long long)scheduler.scheduler_pid);
    pid_t supervisor = (pid_t)read_number(path, "PPid:", 0);
    add(&processes, getpid());
    add(&processes, (pid_t)store.store_pid);
    add(&processes, (pid_t)scheduler.scheduler_pid);
    add(&processes, supervisor);
    add_workers(&processes, supervisor);
    *processes_out = processes;
    return LODE_OK;
}

uint64_t
machine_pss(const struct machine_processes *processes)
{
    uint64_t sum = 0;
    for (int i = 0; i < processes->count; i++) {
        char path[64];
        snprintf(path, sizeof path, "/proc/%d/smaps_rollup", (int)processes->pid[i]);
        sum += read_number(path, "Pss:", 0) * KIB;
    }
    return sum;
}

static int64_t
now_ms(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (int64_t)t.tv_sec * 1000 + t.tv_nsec / 1000000;
}

static bool
ends_by(pid_t pid, int64_t deadline_ms)
{
    int fd = (int)syscall(SYS_pidfd_open, pid, 0);
    if (fd < 0) {
        return errno == ESRCH;
    }
    struct pollfd end = {.fd = fd, .events = POLLIN};
    int64_t left = deadline_ms - now_ms();
    int n = poll(&end, 1, left > 0 ? (int)left : 0);
    close(fd);
    return n == 1;
}

int
machine_await_ends(const struct machine_processes *processes, int timeout_ms)
{
    int64_t deadline = now_ms() + timeout_ms;
    int left = 0;
    for (int i = 1; i < processes->count; i++) {
        left += ends_by(processes->pid[i], deadline) ? 0 : 1;
    }
    return left;
}

static int files;

static int
visit(const char *path, const struct stat *st, int type, struct FTW *where)
{
    (void)st, (void)where;
    if (type != FTW_D && type != FTW_DP) {
        fprintf(stderr, "left behind: %s\n", path);
        files++;
    }
    return 0;
}

int
machine_files(const char *dir)
{
    files = 0;
    nftw(dir, visit, 8, FTW_PHYS);
    return files;
}
