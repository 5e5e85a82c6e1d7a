/*
 * dozing_store.h: what a store does with sessions that doze, step by step, for race_doze. The steps
 * are those of store/state/doze.c, of store/state/pins.c, and of store/freeing/freeing.c, with real
 * doorbells and a real epoll. In a mutant a step is left out, of the store's or of its reader's.
 */
#ifndef LODE_TESTS_RACE_DOZING_STORE_H
#define LODE_TESTS_RACE_DOZING_STORE_H

#include "api/client/channel/index_reader.h"
#include "tests/support/check.h"

#include <pthread.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <unistd.h>

enum { HOT = 16, WORDS = 8, SESSIONS = 2, THREADS = 2 };

struct session {
    _Alignas(LODE_LINE) _Atomic uint64_t row;
    uint64_t number;
    int bell_fd;
    bool dozes;             /* the store's */
    uint32_t kept[THREADS]; /* the pins when it began to doze */
    struct reader {
        _Alignas(LODE_LINE) _Atomic uint32_t pin;
        struct session *session;
        pthread_t thread;
        _Atomic int64_t question; /* an entry + 1; the answer: -1 - its pins; 0: none */
    } reader[THREADS];
};

static struct session sessions[SESSIONS];
static struct lode_entry entries[HOT];
static _Atomic uint64_t memory[HOT][WORDS];
static int doze_fd;
static enum {
    NO_MUTANT,
    ROW_LAST,
    NOT_LOOKED_AT_AGAIN,
    NOT_HEARD,
    COUNTED_UNHEARD,
    MUTANTS
} mutant;

static bool in_batch, pinned[HOT];

static void
mark(uint32_t pin)
{
    if (pin != 0) {
        pinned[pin - 1] = true;
    }
}

static void
mark_pins(const struct session *session)
{
    for (int i = 0; i < THREADS; i++) {
        mark(atomic_load_explicit(&session->reader[i].pin, memory_order_acquire));
    }
}

static void
mark_kept(const struct session *session)
{
    for (int i = 0; i < THREADS; i++) {
        mark(session->kept[i]);
    }
}

static void
wake(struct session *session)
{
    if (session->dozes) {
        atomic_store_explicit(&session->row, session->number, memory_order_release);
        atomic_thread_fence(memory_order_seq_cst);
        expect_eq(epoll_ctl(doze_fd, EPOLL_CTL_DEL, session->bell_fd, NULL), 0);
        session->dozes = false;
        if (in_batch) {
            mark_kept(session);
        }
    }
}

static void
hear(void)
{
    if (mutant == NOT_HEARD && in_batch) {
        return;
    }
    struct epoll_event events[SESSIONS];
    int count = epoll_wait(doze_fd, events, SESSIONS, 0);
    for (int i = 0; i < count; i++) {
        wake(events[i].data.ptr);
    }
}

/* Takes off what the bell said before the row says that the session dozes. */
static void
let_doze(struct session *session)
{
    struct epoll_event event = {.events = EPOLLIN | EPOLLET, .data.ptr = session};
    if (session->dozes) {
        return;
    }
    expect_eq(epoll_ctl(doze_fd, EPOLL_CTL_ADD, session->bell_fd, &event), 0);
    hear();
    atomic_store_explicit(&session->row, session->number | LODE_ROW_DOZES, memory_order_release);
    atomic_thread_fence(memory_order_seq_cst);
    session->dozes = true;
    for (int i = 0; i < THREADS; i++) {
        session->kept[i] = atomic_load_explicit(&session->reader[i].pin, memory_order_acquire);
    }
}

static void
become(uint32_t number, uint64_t generation, enum lode_entry_state state)
{
    atomic_store_explicit(&entries[number].word, lode_word_make(generation, state),
                          memory_order_release);
}

static void
judge(uint32_t number, uint64_t generation)
{
    if (!pinned[number]) {
        become(number, ++generation, LODE_ENTRY_FREE);
        for (size_t i = 0; i < WORDS; i++) {
            atomic_store_explicit(&memory[number][i], generation, memory_order_relaxed);
        }
    }
    become(number, generation, LODE_ENTRY_SEALED);
}

static void
scan(void)
{
    for (int i = 0; i < SESSIONS; i++) {
        if (!sessions[i].dozes) {
            mark_pins(&sessions[i]);
        }
    }
}

/* As doze_keeps(). */
static void
mark_what_sleepers_keep(void)
{
    for (int i = 0; i < SESSIONS; i++) {
        if (sessions[i].dozes) {
            mark_kept(&sessions[i]);
        }
    }
}

static uint32_t first; /* victim of the batch */
static uint64_t generations[HOT];

/* Of every other entry: so the readers of the rest ring in the middle of it. */
static void
begin_batch(void)
{
    memset(pinned, 0, sizeof pinned);
    for (uint32_t i = first; i < HOT; i += 2) {
        generations[i] = lode_word_generation(atomic_load(&entries[i].word));
        become(i, generations[i], LODE_ENTRY_DOOMED);
    }
    atomic_thread_fence(memory_order_seq_cst);
    in_batch = true;
    hear();
    scan();
}

static void
end_batch(void)
{
    hear();
    mark_what_sleepers_keep();
    for (uint32_t i = first; i < HOT; i += 2) {
        judge(i, generations[i]);
    }
    in_batch = false;
}

static bool
keeps(const struct session *session, uint32_t number)
{
    for (int i = 0; i < THREADS; i++) {
        if (session->kept[i] == number + 1) {
            return true;
        }
    }
    return false;
}

/* As pins_count(). */
static int64_t
count_pins(uint32_t number)
{
    int64_t count = 0;
    if (mutant != COUNTED_UNHEARD) {
        hear();
    }
    for (int i = 0; i < SESSIONS; i++) {
        bool is_looked_at = !sessions[i].dozes || keeps(&sessions[i], number);
        for (int j = 0; is_looked_at && j < THREADS; j++) {
            count += atomic_load_explicit(&sessions[i].reader[j].pin, memory_order_acquire) ==
                     number + 1;
        }
    }
    return count;
}

static void
answer_questions(void)
{
    for (int i = 0; i < SESSIONS * THREADS; i++) {
        struct reader *reader = &sessions[i / THREADS].reader[i % THREADS];
        int64_t asked = atomic_load_explicit(&reader->question, memory_order_acquire);
        if (asked > 0) {
            atomic_store_explicit(&reader->question, -1 - count_pins((uint32_t)asked - 1),
                                  memory_order_release);
        }
    }
}

#endif
