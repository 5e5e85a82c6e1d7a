/*
 * Sessions that doze (store/state/doze.h): a store lets sessions doze all the time, frees in
 * batches, for which a session that dozes has pinned what it had pinned when it began to, and hears
 * who has rung, also in the middle of a batch. Readers, two threads of each session, get, ring
 * where the row says so, read all bytes, and release. No reader ever sees the bytes of another
 * life. While a reader has what it got, it asks now and then how many pins the entry has: the store
 * looks at the awake sessions, and at those that keep the entry, and finds that one at least.
 *
 * Then the same by hand: between any two steps of one reader come all orders of up to two steps of
 * the store and of a second reader that wakes the session. There are mutants of it, each of which
 * must see a violation, and does so at the same place each time: a reader that reads its row last,
 * one that does not look at the entry again after it rang, a store that hears nobody, and one that
 * hears nobody before it counts pins.
 *
 * The store is that of dozing_store.h. The steps of a reader are those of pin_counts() and
 * settle_pin() in api/client/store/get.c.
 *
 *   race_doze [GETS]      of all readers; default 30,000
 *
 * ctest: ci 200000
 * ctest: timeout 300
 */
#define LODE_BETWEEN_STEPS() between_steps()
static void between_steps(void);

#include "api/base/clock.h"
#include "tests/race/dozing_store.h"

#include <sched.h>
#include <stdio.h>

static _Atomic bool stop;
static _Atomic uint64_t gets, violations, rings;
static uint64_t wanted;
static bool by_hand;

static void *
run_store(void *arg)
{
    (void)arg;
    for (uint32_t round = 0; !atomic_load_explicit(&stop, memory_order_relaxed); round++) {
        let_doze(&sessions[round % SESSIONS]);
        sched_yield(); /* some pin now, and do not ring yet */
        first = round / SESSIONS % 2;
        answer_questions();
        begin_batch();
        sched_yield();
        answer_questions();
        end_batch();
        answer_questions();
    }
    return NULL;
}

/* ---- a reader ----------------------------------------------------------------------------- */

/* lode_index_pin() of the first mutant. */
static bool
pin_with_row_last(const struct lode_index_view *index, const struct lode_entry *entry,
                  uint64_t word, _Atomic uint32_t *pin, uint64_t *row_out)
{
    atomic_store_explicit(pin, (uint32_t)(entry - index->entries) + 1, memory_order_seq_cst);
    between_steps();
    bool is_same = atomic_load_explicit(&entry->word, memory_order_seq_cst) == word;
    between_steps();
    *row_out = atomic_load_explicit(index->row, memory_order_seq_cst);
    return is_same;
}

static bool
pin(const struct lode_index_view *index, const struct lode_entry *entry, uint64_t word,
    _Atomic uint32_t *pin, uint64_t *row_out)
{
    return mutant == ROW_LAST ? pin_with_row_last(index, entry, word, pin, row_out)
                              : lode_index_pin(index, entry, word, pin, row_out);
}

/* As pin_counts() and settle_pin(). */
static bool
pin_counts(struct session *session, const struct lode_entry *entry, uint64_t word, uint64_t row)
{
    uint64_t once = 1;
    if (row == session->number) {
        return true;
    }
    between_steps();
    if (atomic_load_explicit(&session->row, memory_order_seq_cst) != session->number) {
        expect_eq(write(session->bell_fd, &once, sizeof once), (ssize_t)sizeof once);
        atomic_fetch_add_explicit(&rings, 1, memory_order_relaxed);
        atomic_thread_fence(memory_order_seq_cst);
    }
    between_steps();
    return mutant == NOT_LOOKED_AT_AGAIN ||
           atomic_load_explicit(&entry->word, memory_order_seq_cst) == word;
}

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

/* The reader has the entry pinned. True: the store says so, or there is no store any more. */
static bool
is_seen_pinned(struct reader *reader, uint32_t number)
{
    int64_t answer;
    if (by_hand) {
        return count_pins(number) > 0;
    }
    atomic_store_explicit(&reader->question, (int64_t)number + 1, memory_order_release);
    do {
        sched_yield();
        answer = atomic_load_explicit(&reader->question, memory_order_acquire);
    } while (answer > 0 && !atomic_load_explicit(&stop, memory_order_relaxed));
    atomic_store_explicit(&reader->question, 0, memory_order_relaxed);
    return answer != -1;
}

enum { ASKS_ONE_IN = 16 };

/* What a get does without the search in the table, and without what gives up a pin. */
static void
get_one(struct reader *reader, const struct lode_index_view *index, uint32_t number)
{
    const struct lode_entry *entry = &entries[number];
    uint64_t row, word = atomic_load_explicit(&entry->word, memory_order_acquire);
    between_steps();
    if (lode_word_readable(word) && pin(index, entry, word, &reader->pin, &row) &&
        pin_counts(reader->session, entry, word, row)) {
        between_steps();
        bool asks = by_hand || (number + 1) % ASKS_ONE_IN == 0;
        if (!is_whole(number, lode_word_generation(word)) ||
            (asks && !is_seen_pinned(reader, number))) {
            atomic_fetch_add(&violations, 1);
        }
        atomic_fetch_add_explicit(&gets, 1, memory_order_relaxed);
    }
    lode_index_unpin(entry, lode_word_generation(word), &reader->pin, false);
}

static void *
run_reader(void *arg)
{
    struct reader *reader = arg;
    struct lode_index_view index = {.entries = entries, .row = &reader->session->row};
    for (uint32_t i = 0; !atomic_load_explicit(&stop, memory_order_relaxed); i++) {
        get_one(reader, &index, i % HOT);
    }
    return NULL;
}

/* It ends when all gets are made; this is for a machine that has much else to do. */
enum { STORM_SECONDS = 250 };

static void
storm(int64_t seconds)
{
    pthread_t store;
    int64_t deadline = lode_deadline(seconds * 1000);
    expect_eq(pthread_create(&store, NULL, run_store, NULL), 0);
    for (int i = 0; i < SESSIONS * THREADS; i++) {
        struct reader *reader = &sessions[i / THREADS].reader[i % THREADS];
        expect_eq(pthread_create(&reader->thread, NULL, run_reader, reader), 0);
    }
    while (gets < wanted && lode_now_ns() < deadline) {
        usleep(1000);
    }
    stop = true;
    pthread_join(store, NULL);
    for (int i = 0; i < SESSIONS * THREADS; i++) {
        pthread_join(sessions[i / THREADS].reader[i % THREADS].thread, NULL);
    }
    printf("storm%s: %llu gets, %llu rings, %llu violations\n", gets < wanted ? ", cut short" : "",
           (unsigned long long)gets, (unsigned long long)rings, (unsigned long long)violations);
}

/* ---- by hand ------------------------------------------------------------------------------ */

/*
 * What comes between two steps of the reader: up to two of these. DOZE and WAKE are of its session;
 * before WAKE another thread has rung.
 */
enum step { NOTHING, BEGIN, END, DOZE, WAKE, STEPS };
enum { BREAKS = 6, PER_BREAK = 2, PLACES = BREAKS * PER_BREAK };

static enum step plan[PLACES];
static int place;      /* in the plan */
static int impossible; /* the first place of the plan where the store cannot do what it says */

static bool
is_possible(enum step step)
{
    const struct session *session = &sessions[0];
    switch (step) {
    case BEGIN:
        return !in_batch;
    case END:
        return in_batch;
    case DOZE:
        return !in_batch && !session->dozes;
    case WAKE:
        return session->dozes;
    default:
        return true;
    }
}

static void
do_step(enum step step)
{
    uint64_t once = 1;
    switch (step) {
    case BEGIN:
        begin_batch();
        break;
    case END:
        end_batch();
        break;
    case DOZE:
        let_doze(&sessions[0]);
        break;
    case WAKE:
        expect_eq(write(sessions[0].bell_fd, &once, sizeof once), (ssize_t)sizeof once);
        if (mutant != NOT_HEARD) {
            hear();
        }
        break;
    default:
        break;
    }
}

static void
between_steps(void)
{
    if (!by_hand) {
        sched_yield(); /* so that the store comes just here more often */
        return;
    }
    for (int end = place + PER_BREAK; place < end && impossible == PLACES; place++) {
        if (!is_possible(plan[place])) {
            impossible = place;
            return;
        }
        do_step(plan[place]);
    }
}

/* All is as in the beginning. */
static void
set_up(bool dozes)
{
    if (in_batch) {
        end_batch();
    }
    wake(&sessions[0]);
    place = 0;
    impossible = PLACES;
    if (dozes) {
        let_doze(&sessions[0]);
    }
}

/*
 * The next plan that differs at `at` or before: what stands behind it was not done, since the
 * reader gave up, or the store could not. False: there is none. After a NOTHING in a break comes no
 * step in the same break: that would be another plan once more.
 */
static bool
next_plan(int at)
{
    for (int i = at + 1; i < PLACES; i++) {
        plan[i] = NOTHING;
    }
    for (int i = at; i >= 0; i--) {
        bool is_first = i % PER_BREAK == 0;
        if (plan[i] + 1 < STEPS && (is_first || plan[i - 1] != NOTHING)) {
            plan[i]++;
            return true;
        }
        plan[i] = NOTHING;
    }
    return false;
}

/* Of a mutant, until it is caught. */
static void
try_all(bool dozes)
{
    struct reader *reader = &sessions[0].reader[0];
    struct lode_index_view index = {.entries = entries, .row = &sessions[0].row};
    memset(plan, 0, sizeof plan);
    do {
        set_up(dozes);
        get_one(reader, &index, 0);
    } while ((mutant == NO_MUTANT || violations == 0) &&
             next_plan(impossible < PLACES ? impossible : place - 1));
}

static void
go_by_hand(void)
{
    static const char *const names[MUTANTS] = {"by hand", "row read last", "not looked at again",
                                               "nobody heard", "counted unheard"};
    if (in_batch) { /* as the storm has left it */
        end_batch();
    }
    for (int i = 0; i < SESSIONS; i++) {
        wake(&sessions[i]);
    }
    by_hand = true;
    first = 0;
    for (mutant = NO_MUTANT; mutant < MUTANTS; mutant++) {
        gets = violations = 0;
        try_all(false);
        try_all(true);
        set_up(false);
        printf("%s: %llu gets, %llu violations\n", names[mutant], (unsigned long long)gets,
               (unsigned long long)violations);
        expect_eq(violations != 0, mutant != NO_MUTANT);
    }
}

int
main(int argc, char **argv)
{
    wanted = (uint64_t)count_argument(argc, argv, 1, 30000);
    doze_fd = epoll_create1(EPOLL_CLOEXEC);
    for (uint32_t i = 0; i < HOT; i++) {
        become(i, 0, LODE_ENTRY_SEALED);
    }
    for (int i = 0; i < SESSIONS; i++) {
        sessions[i].number = (uint64_t)i + 1;
        sessions[i].row = sessions[i].number;
        sessions[i].bell_fd = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);
        for (int j = 0; j < THREADS; j++) {
            sessions[i].reader[j].session = &sessions[i];
        }
    }
    storm(STORM_SECONDS);
    expect_le(wanted, gets);
    expect_lt(0, rings);
    expect_eq(violations, 0);
    go_by_hand();
    return 0;
}
