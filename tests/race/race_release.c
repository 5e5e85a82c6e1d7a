/*
 * A store that looks again and again whether a pin was cleared, and a reader that clears it at that
 * moment and fences nothing (api/layout/session.h [2]). One of them must see what the other did:
 * the store that the pin is cleared, or the reader that the store wants to hear of it.
 *
 * The same with a store that fences only itself, and not the reader, sees a release of which nobody
 * hears as soon as both have run at once for some microseconds: they have a CPU each, and agree on
 * the instant by the clock. If it has seen none after twenty seconds, the race has proved nothing,
 * and says so. They cannot meet on one CPU, nor under a sanitizer, whose timing hides what the
 * fence is for. The mutant does not run there.
 *
 *   race_release [RELEASES]     default 5,000
 *
 * ctest: ci 50000
 * ctest: timeout 300
 */
#include "api/client/channel/index_reader.h"

#include "api/base/clock.h"
#include "api/system/membarrier.h"
#include "tests/support/check.h"

#include <pthread.h>
#include <sched.h>
#include <stdio.h>

/*
 * LEAD_NS is what the reader needs to read when to begin. It begins up to EARLY_NS before the store
 * or after it. In that time a cleared pin gets from the one processor to the other.
 */
enum { MUTANT_SECONDS = 20, LEAD_NS = 600, EARLY_NS = 128, PATIENCE = 10000 };

static struct {
    _Alignas(64) _Atomic uint32_t pin;
    _Alignas(64) struct lode_entry entry;
    _Alignas(64) _Atomic uint64_t pinned; /* so many pins were set */
    _Alignas(64) _Atomic uint64_t go;     /* so many may be cleared, the last at begin_ns */
    int64_t begin_ns;
    _Alignas(64) _Atomic uint64_t cleared;
    _Alignas(64) _Atomic uint64_t looked; /* so often the store has looked whether one was */
    _Atomic bool was_told;                /* by the last release */
    _Atomic bool stop;
} it;

static struct {
    uint64_t releases, seen, told, lost;
} counts;

/* Those that the process may use, as far as a cpu_set_t has room for them. */
static int cpu_count;
static int cpu[2]; /* if there are two, the first and the last: of the store, and of the reader */

static void
find_cpus(void)
{
    cpu_set_t cpus;
    if (sched_getaffinity(0, sizeof cpus, &cpus) != 0) {
        return;
    }
    for (int i = 0; i < CPU_SETSIZE; i++) {
        if (CPU_ISSET(i, &cpus)) {
            cpu[cpu_count < 2 ? cpu_count : 1] = i;
            cpu_count++;
        }
    }
}

/* The two would never meet on one CPU, where a busy machine might put both. */
static void
stay_on(int which)
{
    cpu_set_t cpus;
    CPU_ZERO(&cpus);
    CPU_SET(cpu[which], &cpus);
    if (cpu_count >= 2) {
        (void)sched_setaffinity(0, sizeof cpus, &cpus);
    }
}

static void
await_instant(int64_t ns)
{
    while (lode_now_ns() < ns) {
    }
}

/* Until the other side has come that far. On one CPU it must be let run. False: stopped. */
static bool
await(const _Atomic uint64_t *word, uint64_t value)
{
    for (uint32_t i = 1; atomic_load_explicit(word, memory_order_acquire) < value; i++) {
        if (atomic_load_explicit(&it.stop, memory_order_relaxed)) {
            return false;
        }
        if (cpu_count == 1 || i % PATIENCE == 0) {
            sched_yield();
        }
        lode_cpu_relax();
    }
    return true;
}

static void *
read_on(void *arg)
{
    (void)arg;
    stay_on(1);
    for (uint64_t n = 1; await(&it.looked, n - 1); n++) {
        atomic_store(&it.pin, 1);
        expect_eq(lode_word_state(atomic_load(&it.entry.word)), LODE_ENTRY_SEALED);
        atomic_store(&it.pinned, n);
        if (!await(&it.go, n)) {
            break;
        }
        await_instant(it.begin_ns - EARLY_NS + (int64_t)(n * 7 % (2 * EARLY_NS)));
        bool told = lode_index_unpin(&it.entry, 0, &it.pin, true);
        atomic_store_explicit(&it.was_told, told, memory_order_relaxed);
        atomic_store_explicit(&it.cleared, n, memory_order_release);
    }
    return NULL;
}

/* As judge() and look_again() do it (store/freeing/freeing.c). True: the pin is cleared. */
static bool
look(bool mutant)
{
    atomic_store_explicit(&it.entry.word, lode_word_make(0, LODE_ENTRY_WANTED),
                          memory_order_release);
    if (mutant) {
        atomic_thread_fence(memory_order_seq_cst);
    } else {
        expect(lode_membarrier());
    }
    return atomic_load_explicit(&it.pin, memory_order_acquire) == 0;
}

static void
race(bool mutant, uint64_t releases, int64_t deadline)
{
    pthread_t reader;
    memset(&counts, 0, sizeof counts);
    memset(&it, 0, sizeof it);
    it.entry.word = lode_word_make(0, LODE_ENTRY_SEALED);
    expect_eq(pthread_create(&reader, NULL, read_on, NULL), 0);
    for (uint64_t n = 1; n <= releases; n++) {
        await(&it.pinned, n);
        expect_eq(atomic_load(&it.pin), 1); /* the scan that found it pinned */
        it.begin_ns = lode_now_ns() + LEAD_NS;
        atomic_store(&it.go, n);
        await_instant(it.begin_ns);
        bool sees = look(mutant);
        await(&it.cleared, n);
        bool told = atomic_load_explicit(&it.was_told, memory_order_relaxed);
        counts.releases++;
        counts.seen += sees;
        counts.told += told;
        counts.lost += !sees && !told;
        atomic_store(&it.entry.word, lode_word_make(0, LODE_ENTRY_SEALED));
        atomic_store(&it.looked, n);
        if (mutant && (counts.lost > 0 || (n % 64 == 0 && lode_remaining_ms(deadline) == 0))) {
            break;
        }
    }
    atomic_store(&it.stop, true);
    pthread_join(reader, NULL);
}

static void
say(const char *how)
{
    printf("%s: %llu releases, %llu seen, %llu told, %llu lost\n", how,
           (unsigned long long)counts.releases, (unsigned long long)counts.seen,
           (unsigned long long)counts.told, (unsigned long long)counts.lost);
}

#if !defined(__SANITIZE_THREAD__) && !defined(__SANITIZE_ADDRESS__)
static void
race_mutant(void)
{
    if (cpu_count == 1) {
        printf("not proven: on one CPU the store and the reader never meet\n");
        return;
    }
    race(true, UINT64_MAX, lode_deadline(MUTANT_SECONDS * 1000));
    say(counts.lost > 0 ? "without it" : "without it, not proven");
}
#endif

int
main(int argc, char **argv)
{
    uint64_t releases = (uint64_t)count_argument(argc, argv, 1, 5000);
    if (!lode_membarrier_join() || !lode_membarrier()) {
        skip("the system refuses membarrier(2): clients fence when they release");
    }
    find_cpus();
    stay_on(0);
    race(false, releases, LODE_NEVER);
    say("with the fence");
    expect_eq(counts.releases, releases);
    expect_eq(counts.lost, 0);
#if !defined(__SANITIZE_THREAD__) && !defined(__SANITIZE_ADDRESS__)
    race_mutant();
#endif
    return 0;
}
