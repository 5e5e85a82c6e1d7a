/*
 * A name that is bound anew without end (index.h [7]). A writer rewrites objects that nobody has
 * pinned, binds the name to them, and wakes, as the store does; followers take one version after
 * the other as api/client/store/name_versions.c does. Each sees an object with its own version, and
 * none sleeps through a version: every eighth the writer waits until all have it, or a later one.
 *
 * Three mutants must be caught, else this proves nothing: a binding that is written in two pieces;
 * a follower that does not read it again after the pin; one that reads the counter after the
 * binding, and not before it. They yield the processor where the others may come in between. Under
 * a sanitizer they do not run: what they do is what it reports, or its timing hides it.
 *
 *   race_name [VERSIONS]      default 20,000
 *
 * ctest: ci 500000
 * ctest: timeout 300
 */
#include "api/base/clock.h"
#include "api/client/channel/index_reader.h"
#include "api/system/futex.h"
#include "tests/support/check.h"

#include <pthread.h>
#include <sched.h>
#include <stdio.h>
#include <sys/mman.h>

enum { OBJECTS = 6, NAME = OBJECTS, FOLLOWERS = 2, WORDS = 4, TOGETHER = 8, MUTANT_SECONDS = 60 };
enum { HANG_MS = 100000, LOST_MS = 1000 }; /* none comes: of a follower, of a mutant */

enum mutant { NO_MUTANT, TORN, NOT_READ_AGAIN, COUNTER_LATE };

static uint8_t *base;
static struct lode_entry *entries;
static _Atomic uint64_t memory[OBJECTS][WORDS]; /* the version that the object was made for */
static _Atomic uint32_t pins[FOLLOWERS * 16];   /* a cache line each */
static _Atomic uint64_t seen[FOLLOWERS * 8];
static _Atomic uint32_t counter;
static _Atomic uint64_t torn, lost;
static uint64_t last; /* version */
static _Atomic bool over;
static enum mutant mutant;

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
    struct lode_index_header *header = (void *)base;
    entries = (void *)(base + LODE_ENTRIES_OFFSET);
    header->hash_key[0] = 0x9e3779b97f4a7c15;
    header->hash_key[1] = 0xc2b2ae3d27d4eb4f;
    header->entry_count = OBJECTS + 1;
    header->table = lode_table_make(1, LODE_TABLE_LOG2_MIN, 0);
    _Atomic uint32_t *slots = (void *)(base + lode_table_offset(header->table));
    for (uint32_t i = 0; i < OBJECTS; i++) {
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

static void
set_state(uint32_t number, uint64_t generation, enum lode_entry_state state)
{
    atomic_store_explicit(&entries[number].word, lode_word_make(generation, state),
                          memory_order_release);
}

static bool
is_pinned(uint32_t number)
{
    for (size_t i = 0; i < FOLLOWERS; i++) {
        if (atomic_load_explicit(&pins[i * 16], memory_order_acquire) == number + 1) {
            return true;
        }
    }
    return false;
}

/* A new object in the place of one that has no name, if nobody has that pinned. */
static bool
make_object(uint32_t number, uint64_t version)
{
    uint64_t generation =
        lode_word_generation(atomic_load_explicit(&entries[number].word, memory_order_relaxed));
    set_state(number, generation, LODE_ENTRY_DOOMED);
    atomic_thread_fence(memory_order_seq_cst);
    if (is_pinned(number)) {
        set_state(number, generation, LODE_ENTRY_SEALED);
        return false;
    }
    set_state(number, generation + 1, LODE_ENTRY_FREE);
    for (size_t i = 0; i < WORDS; i++) {
        atomic_store_explicit(&memory[number][i], version, memory_order_relaxed);
    }
    set_state(number, generation + 1, LODE_ENTRY_SEALED);
    return true;
}

static void
bind(uint64_t version, uint32_t object)
{
    _Atomic uint64_t *binding = &entries[NAME].binding;
    if (mutant == TORN) {
        uint32_t before = lode_binding_target(atomic_load(binding));
        atomic_store(binding, lode_binding_make(version, before - 1) | LODE_BINDING_TOLD);
        sched_yield();
    }
    atomic_store_explicit(binding, lode_binding_make(version, object) | LODE_BINDING_TOLD,
                          memory_order_release);
}

static void
wake(void)
{
    atomic_fetch_add_explicit(&counter, 1, memory_order_release);
    lode_futex_wake_all(&counter);
}

static bool
all_have_seen(uint64_t version)
{
    for (size_t i = 0; i < FOLLOWERS; i++) {
        if (atomic_load(&seen[i * 8]) < version) {
            return false;
        }
    }
    return true;
}

static void
await_all(uint64_t version)
{
    int64_t deadline = lode_deadline(mutant == NO_MUTANT ? HANG_MS : LOST_MS);
    while (!all_have_seen(version) && lode_remaining_ms(deadline) > 0) {
        sched_yield();
    }
    lost += !all_have_seen(version);
}

static void
write_on(int64_t deadline)
{
    uint32_t object = 0;
    for (uint64_t version = 1; version <= last; version++) {
        uint32_t bound = object;
        do { /* pinned are FOLLOWERS at most, and one is bound */
            object = (object + 1) % OBJECTS;
        } while (object == bound || !make_object(object, version));
        bind(version, object);
        wake();
        if (version % TOGETHER == 0 || mutant == COUNTER_LATE) {
            await_all(version);
        }
        if (mutant != NO_MUTANT && (torn + lost > 0 || lode_remaining_ms(deadline) == 0)) {
            break;
        }
    }
    atomic_store(&over, true);
    wake();
}

/* ---- the followers ------------------------------------------------------------------------ */

/* As pin_bound() and what calls it. False: no version above `after` could be got. */
static bool
try_version(const struct lode_index_view *index, uint64_t after, _Atomic uint32_t *pin,
            uint64_t *version_out)
{
    uint64_t word, binding = atomic_load_explicit(&entries[NAME].binding, memory_order_acquire);
    uint64_t version = lode_binding_version(binding);
    const struct lode_entry *entry;
    if (version <= after) {
        return false;
    }
    if (mutant == NOT_READ_AGAIN) {
        sched_yield();
    }
    lode_id id = id_of(lode_binding_target(binding) - 1);
    uint64_t hash = lode_id_hash(id, index->hash_key);
    if (lode_index_look(index, id, hash, pin, &entry, &word) != LODE_LOOK_PINNED) {
        return false;
    }
    uint64_t now = atomic_load_explicit(&entries[NAME].binding, memory_order_acquire);
    bool is_same = mutant == NOT_READ_AGAIN || ((now ^ binding) & ~LODE_BINDING_TOLD) == 0;
    for (size_t i = 0; is_same && i < WORDS; i++) {
        torn += atomic_load_explicit(&memory[entry - entries][i], memory_order_relaxed) != version;
    }
    lode_index_unpin(entry, lode_word_generation(word), pin, false);
    *version_out = version;
    return is_same;
}

static bool
has_newer(uint64_t after)
{
    uint64_t binding = atomic_load_explicit(&entries[NAME].binding, memory_order_acquire);
    return lode_binding_version(binding) > after;
}

static void *
follow(void *arg)
{
    size_t number = *(const size_t *)arg;
    struct lode_index_view index;
    uint64_t version = 0;
    lode_index_view_init(&index, base);
    while (!atomic_load(&over)) {
        uint32_t before = atomic_load_explicit(&counter, memory_order_acquire);
        if (try_version(&index, version, &pins[number * 16], &version)) {
            atomic_store(&seen[number * 8], version);
        } else if (!has_newer(version)) {
            if (mutant == COUNTER_LATE) {
                sched_yield();
                before = atomic_load_explicit(&counter, memory_order_acquire);
            }
            lode_futex_wait(&counter, before, -1);
        }
    }
    return NULL;
}

static void
race(enum mutant which, const char *what)
{
    pthread_t threads[FOLLOWERS];
    size_t numbers[FOLLOWERS];
    mutant = which;
    atomic_store(&over, false);
    torn = lost = 0;
    entries[NAME].binding = lode_binding_make(0, 0) | LODE_BINDING_TOLD;
    for (size_t i = 0; i < FOLLOWERS; i++) {
        numbers[i] = i;
        seen[i * 8] = 0;
        expect_eq(pthread_create(&threads[i], NULL, follow, &numbers[i]), 0);
    }
    write_on(lode_deadline(MUTANT_SECONDS * 1000));
    for (size_t i = 0; i < FOLLOWERS; i++) {
        pthread_join(threads[i], NULL);
    }
    printf("%s: %llu words of another version, %llu versions slept through\n", what,
           (unsigned long long)torn, (unsigned long long)lost);
}

int
main(int argc, char **argv)
{
    last = (uint64_t)count_argument(argc, argv, 1, 20000) / TOGETHER * TOGETHER;
    make_index();
    race(NO_MUTANT, "as it is");
    expect_eq(torn, 0);
    expect_eq(lost, 0);
#if !defined(__SANITIZE_THREAD__) && !defined(__SANITIZE_ADDRESS__)
    last = LODE_VERSION_MAX;
    race(TORN, "in two pieces");
    expect_lt(0, torn);
    race(NOT_READ_AGAIN, "not read again");
    expect_lt(0, torn);
    race(COUNTER_LATE, "the counter read late");
    expect_lt(0, lost);
#endif
    return 0;
}
