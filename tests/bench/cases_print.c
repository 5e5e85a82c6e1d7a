/*
 * Tasks that print: 10⁵ lines, from the first call until a process that reads the program's stderr
 * has the last one. The reader looks at each line: it is whole, and follows the one that the same
 * task has printed before. The floor is as many lines through a pipe between two processes, a
 * write() each, with the same reader.
 */
#include "api/base/clock.h"
#include "api/system/futex.h"
#include "tests/bench/bench_async.h"
#include "tests/bench/floor_private.h"

#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

enum { LINES = 100000, QUICK = 10, ROUNDS = 5, BUFFER_BYTES = 64 << 10, PATIENCE_MS = 30000 };

/* Shared with the reader. */
struct paper {
    _Alignas(64) _Atomic uint32_t whole; /* lines as they must be, so far */
    _Atomic uint32_t spoilt;             /* others */
    _Atomic uint32_t wanted;             /* so many are waited for */
    _Atomic uint32_t news;               /* bumped when they are there, or one is spoilt */
    int fd;
    uint32_t lines;       /* that each task prints */
    uint32_t next[LINES]; /* line of each task */
};

/* ---- the reader ----------------------------------------------------------------------------- */

/* "(bench.print pid=N) TASK LINE" */
static bool
is_next(struct paper *paper, const char *line)
{
    static const char HEAD[] = "(bench.print pid=";
    char *at = strchr(line, ')');
    if (strncmp(line, HEAD, sizeof HEAD - 1) != 0 || at == NULL) {
        return false;
    }
    unsigned long task = strtoul(at + 1, &at, 10), number = strtoul(at, &at, 10);
    return *at == '\0' && task < LINES && number == paper->next[task]++;
}

static void
read_all(void *arg)
{
    static char buffer[BUFFER_BYTES];
    struct paper *paper = arg;
    size_t size = 0;
    ssize_t got;
    while ((got = read(paper->fd, buffer + size, sizeof buffer - size)) > 0) {
        char *line = buffer, *end = buffer + size + got, *feed;
        uint32_t whole = 0, spoilt = 0;
        for (; (feed = memchr(line, '\n', (size_t)(end - line))) != NULL; line = feed + 1) {
            *feed = '\0';
            bool is_whole = is_next(paper, line);
            whole += is_whole;
            spoilt += !is_whole;
        }
        size = (size_t)(end - line);
        memmove(buffer, line, size);
        atomic_fetch_add(&paper->spoilt, spoilt);
        whole += atomic_fetch_add(&paper->whole, whole);
        if (spoilt > 0 || whole == atomic_load(&paper->wanted)) {
            floor_bump(&paper->news);
        }
    }
}

/* Waits for all that are wanted. Ends the process if one is spoilt, or if they do not come. */
static void
await_lines(struct paper *paper)
{
    int64_t deadline = lode_deadline(PATIENCE_MS);
    uint32_t wanted = atomic_load(&paper->wanted), seen = atomic_load(&paper->news);
    while (atomic_load(&paper->whole) != wanted) {
        int64_t left_ns = deadline - lode_now_ns();
        if (atomic_load(&paper->spoilt) > 0 || left_ns <= 0) {
            fprintf(stderr, "lode-bench: print: %u whole lines, %u others of %u\n",
                    atomic_load(&paper->whole), atomic_load(&paper->spoilt), wanted);
            exit(1);
        }
        lode_futex_wait(&paper->news, seen, left_ns);
        seen = atomic_load(&paper->news);
    }
}

static void
turn_page(struct paper *paper, uint32_t wanted)
{
    atomic_store(&paper->wanted, wanted);
    atomic_store(&paper->whole, 0);
    memset(paper->next, 0, sizeof paper->next);
}

/* ---- the floor ------------------------------------------------------------------------------ */

struct writer {
    int fd;
    int lines;
};

static void
write_all(void *arg)
{
    const struct writer *writer = arg;
    char line[64];
    for (int i = 0; i < writer->lines; i++) {
        int size = snprintf(line, sizeof line, "(bench.print pid=%d) 0 %d\n", (int)getpid(), i);
        bench_must(write(writer->fd, line, (size_t)size) == size ? LODE_OK : LODE_ESYS, "write");
    }
}

static double
floor_lines(struct paper *paper, int fd, int lines)
{
    double rate[ROUNDS];
    struct writer writer = {.fd = fd, .lines = lines};
    for (int i = 0; i < ROUNDS; i++) {
        turn_page(paper, (uint32_t)lines);
        double start = bench_now_us();
        pid_t child = floor_child(write_all, &writer);
        await_lines(paper);
        rate[i] = lines / (bench_now_us() - start) * 1e6;
        floor_end_child(child);
    }
    bench_sort(rate, ROUNDS);
    return bench_at(rate, ROUNDS, 0.5);
}

/* ---- the case ------------------------------------------------------------------------------- */

/* Lines a second. This process's stderr is the pipe. */
static double
print_once(lode *db, struct paper *paper, lode_id *ids, int tasks, int lines)
{
    turn_page(paper, (uint32_t)lines);
    double start = bench_now_us();
    for (int i = 0; i < tasks; i++) {
        MUST(lode_call(db, "bench.print", LODE_ARGS(lode_i64(i), lode_i64(lines / tasks)), NULL,
                       &ids[i]));
    }
    await_lines(paper);
    double us = bench_now_us() - start;
    for (int i = 0; i < tasks; i++) {
        int64_t done;
        MUST(lode_get_i64(db, ids[i], LODE_FOREVER, &done));
        lode_drop(db, ids[i]);
    }
    return lines / us * 1e6;
}

static void
print_by(struct bench *bench, struct paper *paper, int pipe_fd, int tasks, int lines, double floor)
{
    char variant[32];
    double rate[ROUNDS], all = (double)lines * ROUNDS;
    lode_id *ids = calloc((size_t)tasks, sizeof *ids);
    int own = fcntl(STDERR_FILENO, F_DUPFD_CLOEXEC, 3);
    struct bench_shares before = bench_shares(bench);
    for (int i = 0; i < ROUNDS; i++) {
        dup2(pipe_fd, STDERR_FILENO);
        rate[i] = print_once(bench->db, paper, ids, tasks, lines);
        dup2(own, STDERR_FILENO);
    }
    struct bench_shares after = bench_shares(bench);
    close(own);
    free(ids);
    bench_sort(rate, ROUNDS);
    snprintf(variant, sizeof variant, "%d a task", lines / tasks);
    struct bench_line line = {.name = "print",
                              .variant = variant,
                              .unit = "lines/s",
                              .value = bench_at(rate, ROUNDS, 0.5),
                              .p99 = rate[0],
                              .cpus = bench->cpus,
                              .floor_name = "a pipe",
                              .floor = floor,
                              .ratio = bench_at(rate, ROUNDS, 0.5) / floor,
                              .switches = (double)(after.switches - before.switches) / all,
                              .cpu_us = (after.all_us - before.all_us) / all,
                              .counted = true};
    bench_emit(&line);
    bench_emit_shares(bench, "print", &before, all);
}

void
case_print(struct bench *bench)
{
    int ends[2], lines = bench->quick ? LINES / QUICK : LINES;
    struct paper *paper = floor_shared(sizeof *paper);
    bench_must(pipe2(ends, O_CLOEXEC) == 0 ? LODE_OK : LODE_ESYS, "pipe");
    paper->fd = ends[0];
    pid_t reader = floor_child(read_all, paper);
    double floor = floor_lines(paper, ends[1], lines);
    bench_open(bench, 0, 0, true);
    print_by(bench, paper, ends[1], 1, lines, floor);
    print_by(bench, paper, ends[1], lines / 100, lines, floor);
    print_by(bench, paper, ends[1], lines, lines, floor);
    bench_close(bench);
    floor_end_child(reader);
    close(ends[0]);
    close(ends[1]);
    munmap(paper, sizeof *paper);
}
