/*
 * A store that looks again and again whether a pin was cleared, and a reader that clears it at that
 * moment and fences nothing (api/layout/session.h [2]). One of them must see what the other did:
 * the store that the pin is cleared, or the reader that the store wants to hear of it.
 *
 * The same with a store that fences only itself, and not the reader, sees a release of which nobody
 * hears as soon as both have run at once for some microseconds: they have a CPU each, and agree on
 * the instant by the clock. If it has seen none after twenty seconds, the race has proved nothing,
 * and says so. They cannot meet on one CPU, nor under a sanitizer, whose timing hides what the
 * fence is for. On AArch64 the release is a store-release and the look at the word a load-acquire,
 * which that processor keeps in order by itself. The mutant runs at none of these.
 *
 *   race_release [RELEASES]     default 5,000; fewer on a machine so busy that they take too long
 *
 * ctest: ci 50000
 * ctest: timeout 300
 */
#include "api/client/channel/index_reader.h"

#include "api/base/clock.h"
#include "api/system/membarrier.h"
#include "tests/support/check.h"
#include "tests/support/meet.h"

#include <pthread.h>
#include <stdio.h>
#include <string.h>

/* The reader begins up to EARLY_NS before the store or after it: a cleared pin takes that long. */
enum { MUTANT_SECONDS = 20, SECONDS = 120, EARLY_NS = 128 };

#if defined(__x86_64__) && !defined(__SANITIZE_THREAD__) && !defined(__SANITIZE_ADDRESS__)
#define HAS_MUTANT 1
#else
#define HAS_MUTANT 0
#endif

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

static void *
read_on(void *arg)
{
    (void)arg;
    meet_on(1);
    for (uint64_t n = 1; meet_await(&it.looked, n - 1, &it.stop); n++) {
        atomic_store(&it.pin, 1);
        expect_eq(lode_word_state(atomic_load(&it.entry.word)), LODE_ENTRY_SEALED);
        atomic_store(&it.pinned, n);
        if (!meet_await(&it.go, n, &it.stop)) {
            break;
        }
        meet_at(it.begin_ns - EARLY_NS + (int64_t)(n * 7 % (2 * EARLY_NS)));
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
        meet_await(&it.pinned, n, &it.stop);
        expect_eq(atomic_load(&it.pin), 1); /* the scan that found it pinned */
        it.begin_ns = lode_now_ns() + MEET_LEAD_NS;
        atomic_store(&it.go, n);
        meet_at(it.begin_ns);
        bool sees = look(mutant);
        meet_await(&it.cleared, n, &it.stop);
        bool told = atomic_load_explicit(&it.was_told, memory_order_relaxed);
        counts.releases++;
        counts.seen += sees;
        counts.told += told;
        counts.lost += !sees && !told;
        atomic_store(&it.entry.word, lode_word_make(0, LODE_ENTRY_SEALED));
        atomic_store(&it.looked, n);
        if ((mutant && counts.lost > 0) || lode_remaining_ms(deadline) == 0) {
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

static void
race_mutant(void)
{
    if (!HAS_MUTANT) {
        return;
    }
    if (meet_cpus == 1) {
        printf("not proven: on one CPU the store and the reader never meet\n");
        return;
    }
    race(true, UINT64_MAX, lode_deadline(MUTANT_SECONDS * 1000));
    say(counts.lost > 0 ? "without it" : "without it, not proven");
}

int
main(int argc, char **argv)
{
    uint64_t releases = (uint64_t)count_argument(argc, argv, 1, 5000);
    if (!lode_membarrier_join() || !lode_membarrier()) {
        skip("the system refuses membarrier(2): clients fence when they release");
    }
    meet_find_cpus();
    meet_on(0);
    race(false, releases, lode_deadline(SECONDS * 1000));
    say(counts.releases < releases ? "with the fence, cut short" : "with the fence");
    expect_lt(0, counts.releases);
    expect_eq(counts.lost, 0);
    race_mutant();
    return 0;
}
