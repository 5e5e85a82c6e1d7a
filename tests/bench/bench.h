/*
 * bench.h: what the cases of lode-bench share. Each case runs in a process of its own. First of all
 * the process pins itself, and so all that it starts, to one CPU or to two. Then it measures the
 * floor: the floors fork, and a process that has used nng must not.
 */
#ifndef LODE_TESTS_BENCH_BENCH_H
#define LODE_TESTS_BENCH_BENCH_H

#include "tests/bench/demo/machine.h"
#include "tests/bench/floor.h"

#include <lode/lode.h>
#include <stdio.h>
#include <time.h>

/* One line of output. What is 0 or NULL was not measured and is left out, but for the value. */
struct bench_line {
    const char *name;    /* the case */
    const char *variant; /* of the case: "burst", "paced" … */
    const char *unit;
    const char *floor_name;
    const char *absent; /* not NULL: why this machine cannot measure it; there is no value */
    double value, p99, floor, ratio;
    double switches; /* an operation, if counted: voluntary, of all threads of all processes */
    double cpu_us; /* an operation: CPU time of all processes; what others do here does not count */
    double first;  /* matmul_fanout: the first round */
    double memory_mb;
    int cpus;
    bool counted;
};

struct bench {
    int cpus;
    bool quick;
    const char *self; /* path of this program */
    lode *db;         /* after bench_open() */
    struct machine_processes processes;
};

/* Writes the line as JSON to stdout. */
void bench_emit(const struct bench_line *line);

/* Ends the process with the sentence of a call that failed. */
void bench_must(lode_err err, const char *what);
#define MUST(call) bench_must((call), #call)

/*
 * Opens a private cluster with as many workers as CPUs. capacity_bytes 0: the default. With `tasks`
 * the task library is loaded, and every worker has run a task.
 */
void bench_open(struct bench *bench, uint64_t capacity_bytes, uint32_t flags, bool tasks);
void bench_close(struct bench *bench);

/* Loads the task library into a session. */
void bench_load(lode *db);

/* Voluntary context switches, so far, of all threads of all processes of the cluster. */
uint64_t bench_switches(const struct bench *bench);

/* CPU time so far of all threads of all processes of the cluster, in us. */
double bench_cpu_us(const struct bench *bench);

/* The same of one process. */
double bench_cpu_us_of(pid_t pid);

/* The resident set without shared memory (RssAnon + RssFile) of one process, in bytes. */
uint64_t bench_own_memory(pid_t pid);

/* Room for so many samples, from malloc(). */
double *bench_samples(int count);

/* `count` samples, sorted by this; fraction 0.5 is the median. */
void bench_sort(double *samples, int count);
double bench_at(const double *sorted, int count, double fraction);

double bench_now_us(void);

/* Puts so many objects of a few bytes. */
void bench_put_all(lode *db, lode_id *ids, int count);

/* Waits until the store has freed all that was dropped: there is nothing else. */
void bench_await_none(lode *db);

/* CPU time by that clock: CLOCK_THREAD_CPUTIME_ID, CLOCK_PROCESS_CPUTIME_ID, another process'. */
double bench_clock_us(clockid_t clock);

/* How often: the usual number, or a tenth of it with --quick. */
int bench_rounds(const struct bench *bench, int usual);

/* The cases. */
void case_get(struct bench *bench, size_t size_bytes, const char *name);
void case_get_random(struct bench *bench);
void case_put_small(struct bench *bench);
void case_put_small_two(struct bench *bench);
void case_free_many(struct bench *bench);
void case_put_large(struct bench *bench);
void case_fragmentation(struct bench *bench);
void case_drop_many(struct bench *bench);
void case_handoff(struct bench *bench);
void case_name_wait(struct bench *bench);
void case_task_sync(struct bench *bench);
void case_task_async(struct bench *bench);
void case_tasks_behind_one_id(struct bench *bench);
void case_map_100(struct bench *bench);
void case_tree_reduce_100(struct bench *bench);
void case_chain_reduce_100(struct bench *bench);
void case_fib(struct bench *bench);
void case_print(struct bench *bench);
void case_wait_1k(struct bench *bench);
void case_wait_many(struct bench *bench);
void case_waitset(struct bench *bench);
void case_starvation(struct bench *bench);
void case_many_programs(struct bench *bench);
void case_tricks(struct bench *bench);
void case_idle_sessions(struct bench *bench);
void case_idle_sessions_questions(struct bench *bench);
void case_idle_session_memory(struct bench *bench);
void case_first_put(struct bench *bench);
void case_startup(struct bench *bench);
void case_idle(struct bench *bench);
void case_matmul_fanout(struct bench *bench);

/* The other process of the handoff: `lode-bench --peer DIR ROUNDS KIND`. */
int handoff_peer(const char *dir, int rounds, bool chosen);

/* A process with many sessions that do nothing: `lode-bench --peer DIR COUNT crowd`. */
int crowd_peer(const char *dir, int count);

/* The other process of the names: `lode-bench --peer DIR ROUNDS follower`. */
int names_follower(const char *dir, int rounds);

/* One of the processes that put for starvation: `lode-bench --peer DIR MS putter`. */
int starve_putter(const char *dir, int ms);

/* One of the two that put: `lode-bench --peer DIR MS "putter of few"`, or "putter of many". */
int put_small_putter(const char *dir, int ms, bool beside_many);

/* One of many programs: `lode-bench --peer DIR MS "program that puts"`, or "… calls". */
int programs_peer(const char *dir, int ms, bool calls);

/* A process that puts large objects for tricks: `lode-bench --peer DIR N "putter of large"`. */
int tricks_putter(const char *dir, bool unprotected);

/* The process that startup measures: `lode-bench --first-result`. */
int startup_child(void);

#endif
