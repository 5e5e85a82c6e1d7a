/*
 * A name that is bound anew without end (index.h [7]). A writer rewrites objects that nobody has
 * pinned, binds the name to them, and wakes, as the store does; followers take one version after
 * the other by lode_name_wait(). Each sees an object with its own version, and none sleeps through
 * a version: every eighth the writer waits until all have it, or a later one.
 *
 * The files that are raced are part of this program, with two calls put aside: the pin, before
 * which a mutant yields the processor, and the sleep, which has no limit here. With one, a follower
 * that sleeps through a version would find it with its next look.
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
#include "api/client/session/session.h"
#include "api/client/store/await.h"
#include "api/client/store/get.h"
#include "api/client/store/names.h"
#include "api/system/futex.h"
#include "tests/support/check.h"
#include "tests/unit/api/fake_index.h"

#include <pthread.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/eventfd.h>
#include <sys/socket.h>

enum { OBJECTS = 6, NAME = OBJECTS, FOLLOWERS = 2, WORDS = 4, TOGETHER = 8, MUTANT_SECONDS = 60 };
enum { HANG_MS = 100000, LOST_MS = 1000 }; /* none comes: of a follower, of a mutant */
enum { NUMBER = 4242, PINS = 64 };

enum mutant { NO_MUTANT, TORN, NOT_READ_AGAIN, COUNTER_LATE };

static _Atomic int mutant;

static lode_err
race_pin(lode *db, lode_id id, uint64_t hash, int64_t answer_by, struct lode_pinned *pinned_out)
{
    if (mutant == NOT_READ_AGAIN) {
        sched_yield();
    }
    return lode_pin(db, id, hash, answer_by, pinned_out);
}

static void
race_sleep(const _Atomic uint32_t *word, uint32_t seen)
{
    if (mutant == COUNTER_LATE) {
        sched_yield();
        seen = atomic_load_explicit(word, memory_order_acquire);
    }
    lode_futex_wait(word, seen, -1);
}

/* To the mutant all bindings of the name are the same. */
#define lode_pin                        race_pin
#define lode_futex_wait(word, seen, ns) ((void)(ns), race_sleep(word, seen))
#undef LODE_BINDING_TOLD
#define LODE_BINDING_TOLD (mutant == NOT_READ_AGAIN ? UINT64_MAX : UINT64_C(0x800000))
#include "api/client/store/await.c"
#include "api/client/store/name_versions.c"
#undef lode_pin
#undef lode_futex_wait
#undef LODE_BINDING_TOLD
#define LODE_BINDING_TOLD UINT64_C(0x800000)

static struct fake_index fake;
static lode db;
static struct lode_wake *wake_of_name;
static _Atomic uint32_t pins[PINS];
static _Atomic uint64_t seen_version[FOLLOWERS * 8]; /* a cache line each */
static _Atomic uint64_t torn, lost;
static uint64_t last; /* version */
static _Atomic bool over;
static _Atomic int ended;

static lode_id
id_of(uint32_t number)
{
    return lode_id_make(LODE_ID_PUT, 1, number + 1);
}

static _Atomic uint64_t *
words_of(uint32_t number)
{
    return (void *)fake.entries[number].u.bytes;
}

static void
make_entry(uint32_t number, lode_id id, const void *bytes, size_t size)
{
    struct lode_entry *entry = fake_index_add(&fake, number, id, LODE_ENTRY_SEALED);
    entry->extent = LODE_EXTENT_INLINE;
    entry->size = size;
    memcpy(entry->u.bytes, bytes, size);
}

static void
make_index(void)
{
    static const uint64_t nothing[WORDS];
    fake = fake_index_make();
    for (uint32_t i = 0; i < OBJECTS; i++) {
        make_entry(i, id_of(i), nothing, sizeof nothing);
    }
}

/* ---- the store ------------------------------------------------------------------------------ */

/* A follower that has raced too often asks whether the name is there. It is. */
static void *
answer_questions(void *arg)
{
    struct lode_msg_lookup asked;
    int fd = *(const int *)arg;
    while (recv(fd, &asked, sizeof asked, 0) == (ssize_t)sizeof asked) {
        struct lode_msg_found found = {.head = {.type = LODE_MSG_FOUND, .tag = asked.head.tag},
                                       .status = LODE_FOUND_SEALED};
        if (asked.head.type == LODE_MSG_LOOKUP) {
            expect(send(fd, &found, sizeof found, 0) == (ssize_t)sizeof found);
        }
    }
    return NULL;
}

/* One session; each follower is a thread of it. */
static void
make_session(int *store_fd)
{
    int ends[2];
    pthread_t store;
    size_t size = LODE_RING_OFFSET + LODE_RING_BYTES_MIN;
    lode_index_view_init(&db.index, fake.base, NUMBER % LODE_SESSION_ROWS);
    db.serial = 1;
    db.number = NUMBER;
    db.pins = pins;
    db.row = &fake.rows[NUMBER % LODE_SESSION_ROWS];
    fake.rows[NUMBER % LODE_SESSION_ROWS].session = NUMBER;
    db.file = aligned_alloc(LODE_PAGE, size);
    memset((void *)db.file, 0, size);
    db.file->session = NUMBER;
    db.file->ring_bytes = LODE_RING_BYTES_MIN;
    must(lode_pin_slots_init(&db.pin_slots, &db.file->pin_high, PINS));
    expect_eq(socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, ends), 0);
    must(lode_store_calls_init(&db.calls));
    db.calls.socket.fd = ends[0];
    db.calls.bell_fd = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);
    must(lode_store_calls_start(&db.calls));
    lode_ring_init(&db.ring, db.file, db.row, &db.index, &db.calls);
    *store_fd = ends[1];
    expect_eq(pthread_create(&store, NULL, answer_questions, store_fd), 0);
    pthread_detach(store);
}

static void
make_name(void)
{
    struct lode_name name;
    must(lode_name_make(&db, NULL, "n", &name));
    make_entry(NAME, name.id, name.key, name.key_size);
    wake_of_name = &fake.wakes[lode_wake_bucket(name.hash)];
}

/* ---- the writer, as the store ------------------------------------------------------------- */

static void
set_state(uint32_t number, uint64_t generation, enum lode_entry_state state)
{
    atomic_store_explicit(&fake.entries[number].word, lode_word_make(generation, state),
                          memory_order_release);
}

static bool
is_pinned(uint32_t number)
{
    for (size_t i = 0; i < PINS; i++) {
        if (atomic_load_explicit(&pins[i], memory_order_acquire) == number + 1) {
            return true;
        }
    }
    return false;
}

/* A new object in the place of one that has no name, if nobody has that pinned. */
static bool
make_object(uint32_t number, uint64_t version)
{
    uint64_t generation = lode_word_generation(
        atomic_load_explicit(&fake.entries[number].word, memory_order_relaxed));
    set_state(number, generation, LODE_ENTRY_DOOMED);
    atomic_thread_fence(memory_order_seq_cst);
    if (is_pinned(number)) {
        set_state(number, generation, LODE_ENTRY_SEALED);
        return false;
    }
    set_state(number, generation + 1, LODE_ENTRY_FREE);
    for (size_t i = 0; i < WORDS; i++) {
        atomic_store_explicit(&words_of(number)[i], version, memory_order_relaxed);
    }
    set_state(number, generation + 1, LODE_ENTRY_SEALED);
    return true;
}

static void
bind_name(uint64_t version, uint32_t object)
{
    _Atomic uint64_t *binding = &fake.entries[NAME].binding;
    if (mutant == TORN) {
        uint32_t before = lode_binding_target(atomic_load(binding));
        atomic_store(binding, lode_binding_make(version, before - 1) | LODE_BINDING_TOLD);
        sched_yield();
    }
    atomic_store_explicit(binding, lode_binding_make(version, object) | LODE_BINDING_TOLD,
                          memory_order_release);
}

static void
wake_all(void)
{
    atomic_fetch_add_explicit(&wake_of_name->counter, 1, memory_order_release);
    lode_futex_wake_all(&wake_of_name->counter);
}

static bool
all_have_seen(uint64_t version)
{
    for (size_t i = 0; i < FOLLOWERS; i++) {
        if (atomic_load(&seen_version[i * 8]) < version) {
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

/* Gives the object that is bound now. Pinned are FOLLOWERS at most, and one is bound. */
static uint32_t
write_version(uint64_t version, uint32_t bound)
{
    uint32_t object = bound;
    do {
        object = (object + 1) % OBJECTS;
    } while (object == bound || !make_object(object, version));
    bind_name(version, object);
    wake_all();
    return object;
}

/* One version more ends the followers, also those that have slept through one. */
static void
write_on(int64_t deadline)
{
    uint32_t object = 0;
    uint64_t version = 1;
    for (; version <= last; version++) {
        object = write_version(version, object);
        if (version % TOGETHER == 0 || mutant == COUNTER_LATE) {
            await_all(version);
        }
        if (mutant != NO_MUTANT && (torn + lost > 0 || lode_remaining_ms(deadline) == 0)) {
            break;
        }
    }
    atomic_store(&mutant, NO_MUTANT);
    atomic_store(&over, true);
    (void)write_version(version + 1, object);
    while (atomic_load(&ended) < FOLLOWERS) {
        wake_all();
        sched_yield();
    }
}

/* ---- the followers ------------------------------------------------------------------------ */

static void *
follow(void *arg)
{
    size_t number = *(const size_t *)arg;
    uint64_t version = 0;
    while (!atomic_load(&over)) {
        lode_view view;
        must(lode_name_wait(&db, NULL, "n", version, LODE_FOREVER, &view, &version));
        const _Atomic uint64_t *words = view.data;
        for (size_t i = 0; i < WORDS; i++) {
            torn += atomic_load_explicit(&words[i], memory_order_relaxed) != version;
        }
        lode_release(&view);
        atomic_store(&seen_version[number * 8], version);
    }
    ended++;
    return NULL;
}

static void
race(enum mutant which, const char *what)
{
    pthread_t threads[FOLLOWERS];
    size_t numbers[FOLLOWERS];
    mutant = which;
    over = false;
    ended = 0;
    torn = lost = 0;
    fake.entries[NAME].binding = lode_binding_make(0, 0) | LODE_BINDING_TOLD;
    for (size_t i = 0; i < FOLLOWERS; i++) {
        numbers[i] = i;
        seen_version[i * 8] = 0;
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
    static int store_fd;
    last = (uint64_t)count_argument(argc, argv, 1, 20000) / TOGETHER * TOGETHER;
    make_index();
    make_session(&store_fd);
    make_name();
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
