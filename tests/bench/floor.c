#include "tests/bench/floor_private.h"

#include "api/base/assert.h"
#include "api/base/clock.h"
#include "api/system/futex.h"

#include <sched.h>
#include <signal.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

void
floor_pin(int cpus)
{
    cpu_set_t set;
    CPU_ZERO(&set);
    int taken = 0;
    for (int cpu = 0; cpu < CPU_SETSIZE && taken < cpus; cpu++) {
        CPU_SET(cpu, &set);
        if (sched_setaffinity(0, sizeof set, &set) != 0) {
            CPU_CLR(cpu, &set);
            continue;
        }
        cpu_set_t got;
        LODE_ASSERT(sched_getaffinity(0, sizeof got, &got) == 0);
        taken = CPU_COUNT(&got);
    }
}

static int
by_value(const void *a, const void *b)
{
    double x = *(const double *)a, y = *(const double *)b;
    return x < y ? -1 : x > y;
}

struct floor_latency
floor_summarise(double *us, int count)
{
    qsort(us, (size_t)count, sizeof *us, by_value);
    int p99 = (int)((double)count * 0.99);
    return (struct floor_latency){us[count / 2], us[p99 < count ? p99 : count - 1]};
}

double
floor_memcpy_gb_s(size_t size_bytes, int rounds)
{
    double *gb_s = calloc((size_t)rounds, sizeof *gb_s);
    char *from = mmap(NULL, size_bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    char *to = mmap(NULL, size_bytes, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    LODE_ASSERT(gb_s != NULL);
    LODE_ASSERT(from != MAP_FAILED);
    LODE_ASSERT(to != MAP_FAILED);
    memset(from, 1, size_bytes);
    memset(to, 2, size_bytes);
    for (int i = 0; i < rounds; i++) {
        int64_t start = lode_now_ns();
        memcpy(to, from, size_bytes);
        __asm__ volatile("" : : "r"(to) : "memory");
        gb_s[i] = (double)size_bytes / (double)(lode_now_ns() - start);
    }
    qsort(gb_s, (size_t)rounds, sizeof *gb_s, by_value);
    double median = gb_s[rounds / 2];
    munmap(from, size_bytes);
    munmap(to, size_bytes);
    free(gb_s);
    return median;
}

void *
floor_shared(size_t size_bytes)
{
    void *p = mmap(NULL, size_bytes, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    LODE_ASSERT(p != MAP_FAILED);
    return p;
}

void
floor_wait_change(const _Atomic uint32_t *word, uint32_t seen)
{
    while (atomic_load_explicit(word, memory_order_acquire) == seen) {
        lode_futex_wait(word, seen, -1);
    }
}

void
floor_bump(_Atomic uint32_t *word)
{
    atomic_fetch_add_explicit(word, 1, memory_order_release);
    lode_futex_wake_all(word);
}

pid_t
floor_child(void (*body)(void *arg), void *arg)
{
    pid_t parent = getpid();
    pid_t pid = fork();
    LODE_ASSERT(pid >= 0);
    if (pid == 0) {
        prctl(PR_SET_PDEATHSIG, SIGKILL);
        if (getppid() == parent) {
            body(arg);
        }
        _exit(0);
    }
    return pid;
}

void
floor_end_child(pid_t pid)
{
    kill(pid, SIGKILL);
    waitpid(pid, NULL, 0);
}

/* One word a process, on a line of its own. */
struct chain {
    _Alignas(64) _Atomic uint32_t a;
    _Alignas(64) _Atomic uint32_t s;
    _Alignas(64) _Atomic uint32_t b;
};

static void
chain_middle(void *arg)
{
    struct chain *chain = arg;
    for (uint32_t seen = 0;; seen += 2) {
        floor_wait_change(&chain->s, seen);
        floor_bump(&chain->b);
        floor_wait_change(&chain->s, seen + 1);
        floor_bump(&chain->a);
    }
}

static void
chain_far(void *arg)
{
    struct chain *chain = arg;
    for (uint32_t seen = 0;; seen++) {
        floor_wait_change(&chain->b, seen);
        floor_bump(&chain->s);
    }
}

struct floor_latency
floor_futex_chain(int rounds)
{
    struct chain *chain = floor_shared(sizeof *chain);
    double *us = calloc((size_t)rounds, sizeof *us);
    LODE_ASSERT(us != NULL);
    pid_t middle = floor_child(chain_middle, chain);
    pid_t far = floor_child(chain_far, chain);
    int warmup = rounds / 10;
    for (int i = -warmup; i < rounds; i++) {
        int64_t start = lode_now_ns();
        uint32_t seen = atomic_load_explicit(&chain->a, memory_order_relaxed);
        floor_bump(&chain->s);
        floor_wait_change(&chain->a, seen);
        if (i >= 0) {
            us[i] = (double)(lode_now_ns() - start) / 1e3;
        }
    }
    floor_end_child(middle);
    floor_end_child(far);
    munmap(chain, sizeof *chain);
    struct floor_latency result = floor_summarise(us, rounds);
    free(us);
    return result;
}
