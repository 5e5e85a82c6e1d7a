/*
 * What a session takes of shared memory that has only read, and what its first put costs for that.
 *
 * A session's file has a page of its head, 8 KiB of its ring, and a page of pins. The rest of the
 * ring, and credit, come when they are wanted (api/layout/session.h [5], store/rings/credit.h).
 * When the ring had 256 KiB, and each session 64 KiB and 256 entries of credit, from the beginning,
 * it was 264 KiB for one session and 384 KiB each for 1,000.
 */
#include "tests/bench/crowd.h"
#include "tests/bench/peer.h"

#include <dirent.h>
#include <string.h>
#include <sys/stat.h>

enum { IDLE = 1000, KIB = 1024, PATH_BYTES = 512 };

/* ---- memory --------------------------------------------------------------------------------- */

struct memory {
    double shared_kib, own_kib;
};

/* What the files that the store has open take of shared memory, each counted once. */
static double
shared_kib(pid_t store)
{
    enum { FILES_MAX = 4 * IDLE };
    static ino_t seen[FILES_MAX];
    char path[PATH_BYTES];
    int count = 0;
    double blocks = 0;
    snprintf(path, sizeof path, "/proc/%d/fd", (int)store);
    DIR *dir = opendir(path);
    struct dirent *entry;
    while (dir != NULL && (entry = readdir(dir)) != NULL) {
        struct stat st;
        snprintf(path, sizeof path, "/proc/%d/fd/%s", (int)store, entry->d_name);
        if (stat(path, &st) != 0 || !S_ISREG(st.st_mode) || count == FILES_MAX) {
            continue;
        }
        int i = 0;
        while (i < count && seen[i] != st.st_ino) {
            i++;
        }
        if (i == count) {
            seen[count++] = st.st_ino;
            blocks += (double)st.st_blocks;
        }
    }
    if (dir != NULL) {
        closedir(dir);
    }
    return blocks / 2;
}

static struct memory
memory_of(const struct bench *bench)
{
    lode_store_stats stats;
    MUST(lode_get_store_stats(bench->db, &stats));
    return (struct memory){.shared_kib = shared_kib((pid_t)stats.store_pid),
                           .own_kib = (double)bench_own_memory((pid_t)stats.store_pid) / KIB};
}

static void
emit(const struct bench *bench, const char *variant, double kib)
{
    static const double FLOOR = 8;
    struct bench_line line = {.name = "idle_session_memory",
                              .variant = variant,
                              .unit = "KiB",
                              .value = kib,
                              .cpus = bench->cpus,
                              .floor_name = "a page each for head and pins",
                              .floor = FLOOR,
                              .ratio = kib / FLOOR};
    bench_emit(&line);
}

/*
 * Credit is set aside in pages that the segment has already. One session's credit is taken of those
 * that the store warmed before; only that of many shows.
 */
void
case_idle_session_memory(struct bench *bench)
{
    lode_id shared, id;
    bench_open(bench, UINT64_C(1) << 30, 0, false);
    MUST(lode_put(bench->db, "shared", 6, LODE_FOREVER, &shared));
    struct memory none = memory_of(bench);
    crowd_gather(bench, 1, false, shared);
    struct memory one = memory_of(bench);
    crowd_gather(bench, IDLE, false, shared);
    struct memory all = memory_of(bench);
    for (int i = 0; i < crowd_count(); i++) {
        MUST(lode_put(crowd_session(i), "once", 4, LODE_FOREVER, &id));
    }
    struct memory put = memory_of(bench);
    emit(bench, "of 1", one.shared_kib - none.shared_kib);
    emit(bench, "of 1000, each", (all.shared_kib - none.shared_kib) / IDLE);
    emit(bench, "of 1000, the store's own", (all.own_kib - none.own_kib) / IDLE);
    emit(bench, "of 1000 that have put once, each", (put.shared_kib - none.shared_kib) / IDLE);
    crowd_disperse();
    bench_close(bench);
}

/* ---- the first put -------------------------------------------------------------------------- */

/* In us: of the first put of a session, and of a question to the store and its answer. */
static void
time_first(const struct bench *bench, size_t size, double *put_us, double *question_us)
{
    static const uint8_t BYTES[32 * KIB];
    lode_store_stats stats;
    lode_id id;
    lode *db = peer_attach(lode_cluster_dir(bench->db));
    double start = bench_now_us();
    MUST(lode_put(db, BYTES, size, LODE_FOREVER, &id));
    double end = bench_now_us();
    MUST(lode_get_store_stats(db, &stats));
    *put_us = end - start;
    *question_us = bench_now_us() - end;
    lode_close(db);
}

void
case_first_put(struct bench *bench)
{
    enum { ROUNDS_MAX = 300 };
    static const struct {
        const char *name;
        size_t size;
    } VARIANTS[] = {{"16 B", 16}, {"1 KiB", KIB}, {"32 KiB", 32 * KIB}};
    static double put_us[ROUNDS_MAX], question_us[ROUNDS_MAX];
    int rounds = bench_rounds(bench, ROUNDS_MAX);
    bench_open(bench, UINT64_C(1) << 30, 0, false);
    for (size_t v = 0; v < sizeof VARIANTS / sizeof VARIANTS[0]; v++) {
        for (int i = 0; i < rounds; i++) {
            time_first(bench, VARIANTS[v].size, &put_us[i], &question_us[i]);
        }
        bench_sort(put_us, rounds);
        bench_sort(question_us, rounds);
        struct bench_line line = {.name = "first_put",
                                  .variant = VARIANTS[v].name,
                                  .unit = "us",
                                  .value = bench_at(put_us, rounds, 0.5),
                                  .p99 = bench_at(put_us, rounds, 0.99),
                                  .cpus = bench->cpus,
                                  .floor_name = "a question and its answer",
                                  .floor = bench_at(question_us, rounds, 0.5)};
        line.ratio = line.value / line.floor;
        bench_emit(&line);
    }
    bench_close(bench);
}
