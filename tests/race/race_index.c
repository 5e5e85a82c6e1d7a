/*
 * The storm: a writer rewrites hot objects as the store does (marks them DOOMED, fences, scans the
 * pins, frees those without one, and overwrites the memory), while readers get them, read all bytes
 * and release. No reader ever sees the bytes of another life.
 *
 * The same storm with readers that leave the fence out must see violations: else the storm proves
 * nothing. Readers are the code of api/client/channel/index_reader.h, included twice. Beside forty
 * other processes it took up to 41 s until one was seen, so the guard is ten minutes. On one CPU
 * the two never meet, and under a sanitizer the timing hides what the fence is for: there the
 * mutant does not run.
 *
 *   race_index [GETS]      of each kind of reader; default 2,000,000
 *
 * ctest: ci 20000000
 * ctest: timeout 900
 */
#include "api/client/channel/index_reader.h"
#include "api/base/clock.h"
#include "tests/support/check.h"

/* The mutant: the same header once more, under other names, without the fence. */
#undef LODE_CLIENT_INDEX_READER_H
#define LODE_MUTANT_NO_FENCE
#undef LODE_PIN_ORDER
#define lode_index_view           mutant_index_view
#define lode_index_view_init      mutant_index_view_init
#define lode_index_wake           mutant_index_wake
#define lode_index_id_is          mutant_index_id_is
#define lode_index_find           mutant_index_find
#define lode_index_prefetch_slot  mutant_index_prefetch_slot
#define lode_index_prefetch_entry mutant_index_prefetch_entry
#define lode_index_pin            mutant_index_pin
#define lode_index_give_up        mutant_index_give_up
#define lode_index_unpin          mutant_index_unpin
#define lode_cpu_relax            mutant_cpu_relax
#define lode_look                 mutant_look
#define LODE_LOOK_PINNED          MUTANT_LOOK_PINNED
#define LODE_LOOK_MISS            MUTANT_LOOK_MISS
#define LODE_LOOK_OWED            MUTANT_LOOK_OWED
#define LODE_DOOMED_SPINS         MUTANT_DOOMED_SPINS
#define lode_index_look           mutant_index_look
#define lode_index_look_first     mutant_index_look_first
#include "api/client/channel/index_reader.h"
#undef lode_index_view
#undef lode_index_view_init
#undef lode_index_unpin
#undef lode_index_look
#undef LODE_LOOK_PINNED

#include <poll.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <unistd.h>

enum {
    HOT = 64,   /* objects */
    BATCH = 16, /* that the writer takes at once */
    WORDS = 8,  /* of an object; all the same while it lives */
    READERS = 2,
    MUTANT_SECONDS = 600
};

static uint8_t *base;
static struct lode_index_header *header;
static struct lode_entry *entries;
static _Atomic uint64_t memory[HOT][WORDS]; /* where the objects' bytes lie */
static _Atomic uint32_t pins[READERS * 16]; /* one cache line each */
static _Atomic bool stop;
static _Atomic uint64_t total_gets, total_violations;
static uint64_t wanted_gets;
static bool without_fence;
static int ended[2]; /* a pipe: a reader has what the storm is for, or was stopped */

static lode_id
id_of(uint32_t number)
{
    return lode_id_make(LODE_ID_PUT, 1, number + 1);
}

static void
make_index(void)
{
    base = mmap(NULL, LODE_INDEX_BYTES, PROT_READ | PROT_WRITE,
                MAP_SHARED | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    expect(base != MAP_FAILED);
    header = (void *)base;
    entries = (void *)(base + LODE_ENTRIES_OFFSET);
    header->hash_key[0] = 0x9e3779b97f4a7c15;
    header->hash_key[1] = 0xc2b2ae3d27d4eb4f;
    header->entry_count = HOT;
    header->table = lode_table_make(1, LODE_TABLE_LOG2_MIN, 0);
    _Atomic uint32_t *slots = (void *)(base + lode_table_offset(header->table));
    for (uint32_t i = 0; i < HOT; i++) {
        uint64_t hash = lode_id_hash(id_of(i), header->hash_key), at = 0;
        while (slots[lode_table_probe(header->table, hash, at)] != 0) {
            at++;
        }
        slots[lode_table_probe(header->table, hash, at)] = lode_slot_make(hash, i);
        entries[i].id = id_of(i);
        entries[i].word = lode_word_make(0, LODE_ENTRY_SEALED);
    }
}

/* ---- the writer, as the store ------------------------------------------------------------- */

static bool
is_pinned(uint32_t number)
{
    for (size_t i = 0; i < READERS; i++) {
        if (atomic_load_explicit(&pins[i * 16], memory_order_acquire) == number + 1) {
            return true;
        }
    }
    return false;
}

/* A new life under the same id, in the same memory: other bytes, a larger generation. */
static void
rewrite(uint32_t number)
{
    struct lode_entry *entry = &entries[number];
    uint64_t generation =
        lode_word_generation(atomic_load_explicit(&entry->word, memory_order_relaxed)) + 1;
    atomic_store_explicit(&entry->word, lode_word_make(generation, LODE_ENTRY_FREE),
                          memory_order_release);
    for (size_t i = 0; i < WORDS; i++) {
        atomic_store_explicit(&memory[number][i], generation, memory_order_relaxed);
    }
    atomic_store_explicit(&entry->word, lode_word_make(generation, LODE_ENTRY_SEALED),
                          memory_order_release);
}

static void *
write_on(void *arg)
{
    uint32_t first = 0;
    (void)arg;
    while (!atomic_load_explicit(&stop, memory_order_relaxed)) {
        for (uint32_t i = first; i < first + BATCH; i++) {
            uint64_t word = atomic_load_explicit(&entries[i].word, memory_order_relaxed);
            atomic_store_explicit(&entries[i].word,
                                  lode_word_make(lode_word_generation(word), LODE_ENTRY_DOOMED),
                                  memory_order_release);
        }
        atomic_thread_fence(memory_order_seq_cst);
        for (uint32_t i = first; i < first + BATCH; i++) {
            uint64_t word = atomic_load_explicit(&entries[i].word, memory_order_relaxed);
            if (is_pinned(i)) {
                atomic_store_explicit(&entries[i].word,
                                      lode_word_make(lode_word_generation(word), LODE_ENTRY_SEALED),
                                      memory_order_release);
            } else {
                rewrite(i);
            }
        }
        first = (first + BATCH) % HOT;
    }
    return NULL;
}

/* ---- the readers -------------------------------------------------------------------------- */

/* True if all words are those of the life that was pinned. */
static bool
is_whole(uint32_t number, uint64_t generation)
{
    for (size_t i = 0; i < WORDS; i++) {
        if (atomic_load_explicit(&memory[number][i], memory_order_relaxed) != generation) {
            return false;
        }
    }
    return true;
}

static bool
get_one(const struct lode_index_view *index, const struct mutant_index_view *mutant, lode_id id,
        _Atomic uint32_t *pin, const struct lode_entry **entry_out, uint64_t *word_out)
{
    uint64_t row, hash = lode_id_hash(id, index->hash_key);
    return without_fence ? mutant_index_look(mutant, id, hash, pin, entry_out, word_out, &row) ==
                               MUTANT_LOOK_PINNED
                         : lode_index_look(index, id, hash, pin, entry_out, word_out, &row) ==
                               LODE_LOOK_PINNED;
}

static void *
read_on(void *arg)
{
    _Atomic uint32_t *pin = arg;
    struct lode_index_view index;
    struct mutant_index_view mutant;
    uint64_t gets = 0, violations = 0;
    lode_index_view_init(&index, base, 0);
    mutant_index_view_init(&mutant, base, 0);
    for (uint32_t i = 0; !atomic_load_explicit(&stop, memory_order_relaxed); i++) {
        const struct lode_entry *entry;
        uint64_t word;
        if (!get_one(&index, &mutant, id_of(i % HOT), pin, &entry, &word)) {
            continue;
        }
        violations += !is_whole((uint32_t)(entry - entries), lode_word_generation(word));
        lode_index_unpin(entry, lode_word_generation(word), pin, true);
        if (++gets % 1024 == 0) {
            bool proven = without_fence && violations > 0;
            atomic_fetch_add(&total_violations, violations);
            violations = 0;
            if (atomic_fetch_add(&total_gets, 1024) >= wanted_gets || proven) {
                break;
            }
        }
    }
    atomic_fetch_add(&total_violations, violations);
    expect_eq(write(ended[1], "e", 1), 1);
    return NULL;
}

/* Ends when the readers have got what was wanted, or, looking for violations, at the first. */
static void
storm(bool mutant, int64_t seconds)
{
    pthread_t writer, readers[READERS];
    without_fence = mutant;
    total_gets = total_violations = 0;
    stop = false;
    int64_t deadline = lode_deadline(seconds * 1000);
    expect_eq(pipe(ended), 0);
    expect_eq(pthread_create(&writer, NULL, write_on, NULL), 0);
    for (size_t i = 0; i < READERS; i++) {
        expect_eq(pthread_create(&readers[i], NULL, read_on, (void *)&pins[i * 16]), 0);
    }
    struct pollfd end = {.fd = ended[0], .events = POLLIN};
    expect_le(0, poll(&end, 1, (int)lode_remaining_ms(deadline)));
    stop = true;
    pthread_join(writer, NULL);
    for (size_t i = 0; i < READERS; i++) {
        pthread_join(readers[i], NULL);
    }
    close(ended[0]);
    close(ended[1]);
}

#if !defined(__SANITIZE_THREAD__) && !defined(__SANITIZE_ADDRESS__)
static void
storm_of_the_mutant(void)
{
    if (usable_cpus() == 1) {
        printf("not proven: on one CPU the writer and the readers never meet\n");
        return;
    }
    wanted_gets = UINT64_MAX / 2;
    storm(true, MUTANT_SECONDS);
    printf("without it: %llu gets, %llu violations\n", (unsigned long long)total_gets,
           (unsigned long long)total_violations);
    expect_lt(0, total_violations);
}
#endif

int
main(int argc, char **argv)
{
    wanted_gets = (uint64_t)count_argument(argc, argv, 1, 2000000);
    make_index();
    storm(false, 100000);
    printf("with the fence: %llu gets, %llu violations\n", (unsigned long long)total_gets,
           (unsigned long long)total_violations);
    expect_le(wanted_gets, total_gets);
    expect_eq(total_violations, 0);
#if !defined(__SANITIZE_THREAD__) && !defined(__SANITIZE_ADDRESS__)
    storm_of_the_mutant();
#endif
    return 0;
}
