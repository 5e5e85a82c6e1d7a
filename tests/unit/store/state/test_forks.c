/* What the store copies when a process says that it forks. */
#include "store/state/file.h"
#include "store/state/forks.h"
#include "tests/unit/store/fake_client.h"

#include <pthread.h>
#include <sys/resource.h>

TestSuite(forks, .init = store_setup, .fini = store_teardown, .timeout = 120);

struct other_thread {
    struct fake *fake;
    uint32_t pin;
    atomic_bool stop;
};

/* Pins and releases in a slot in front of the one that stays pinned. */
static void *
pin_and_release(void *arg)
{
    struct other_thread *other = arg;
    _Atomic uint32_t *pins =
        (void *)(other->fake->file + lode_pins_offset(LODE_RING_BYTES_DEFAULT));
    while (!atomic_load_explicit(&other->stop, memory_order_relaxed)) {
        atomic_store(&pins[0], other->pin);
        atomic_store(&pins[0], 0);
    }
    return NULL;
}

static lode_err
fork_with(struct fake *fake, int fds[2])
{
    struct fork *fork;
    LODE_TRY(forks_begin(fake->session, &fork));
    while (!forks_copy_part(store, fake->session, fork)) {
    }
    return forks_keep(store, fake->session, fork, fds);
}

static void
note_entry(struct store *in, uint32_t entry, void *arg)
{
    uint32_t *wanted = arg;
    (void)in;
    if (entry == *wanted) {
        *wanted = UINT32_MAX;
    }
}

Test(forks, copy_what_stays_pinned_whatever_other_threads_pin_meanwhile)
{
    struct fake fake = fake_attach(0);
    lode_id stays = fake_put(&fake, "stays", 5), passes = fake_put(&fake, "passes", 6);
    fake_ring(&fake);
    struct other_thread other = {.fake = &fake, .pin = entry_of(passes) + 1};
    pthread_t thread;
    fake_pin(&fake, 1, entry_of(stays) + 1);
    expect_eq(pthread_create(&thread, NULL, pin_and_release, &other), 0);
    for (int i = 0; i < 20000; i++) {
        uint32_t wanted = entry_of(stays);
        int fds[2];
        must(fork_with(&fake, fds));
        forks_each_pin(store, note_entry, &wanted);
        expect_eq(wanted, UINT32_MAX);
        close(fds[0]);
        close(fds[1]);
        pump();
        while (store->fork_count != 0) { /* who reads /proc/PID/fd holds the mark for a moment */
            forks_reap(store);
            pump();
        }
    }
    atomic_store(&other.stop, true);
    pthread_join(thread, NULL);
    fake_pin(&fake, 1, 0);
    fake_die(&fake);
}

/* The children live until the pipe's end is closed. */
static lode_err
fork_once(struct fake *fake, int *pipe_out)
{
    int fds[2];
    LODE_TRY(fork_with(fake, fds));
    close(fds[0]);
    *pipe_out = fds[1];
    return LODE_OK;
}

/* Half by each of two sessions, of which one has ended. */
Test(forks, of_all_sessions_of_one_process_leave_some_for_the_others)
{
    static int pipes[FORKS_OF_PROCESS_MAX + 2];
    struct rlimit limit = {4 * FORKS_OF_PROCESS_MAX, 4 * FORKS_OF_PROCESS_MAX};
    struct fake first = fake_attach(0), second = fake_attach(0), other = fake_attach(0);
    int count = 0;
    other.session->pid = first.session->pid + 1; /* as if of another process */
    expect_eq(setrlimit(RLIMIT_NOFILE, &limit), 0);
    for (; count < FORKS_OF_PROCESS_MAX; count++) {
        must(fork_once(count % 2 == 0 ? &first : &second, &pipes[count]));
    }
    fake_die(&first);
    fails(fork_once(&second, &pipes[count]), LODE_ELIMIT);
    must(fork_once(&other, &pipes[count++]));
    close(pipes[0]);
    pump();
    must(fork_once(&second, &pipes[0])); /* the children of one are gone */
    while (count > 0) {
        close(pipes[--count]);
    }
    pump();
    expect_eq(store->fork_count, 0);
    fake_die(&second);
    fake_die(&other);
}

Test(forks, of_a_process_that_cannot_be_seen_count_for_their_session)
{
    static int pipes[FORKS_OF_PROCESS_MAX + 1];
    struct rlimit limit = {4 * FORKS_OF_PROCESS_MAX, 4 * FORKS_OF_PROCESS_MAX};
    struct fake hidden = fake_attach(0), other = fake_attach(0);
    int count = 0;
    hidden.session->pid = other.session->pid = 0;
    expect_eq(setrlimit(RLIMIT_NOFILE, &limit), 0);
    for (; count < FORKS_OF_PROCESS_MAX; count++) {
        must(fork_once(&hidden, &pipes[count]));
    }
    fails(fork_once(&hidden, &pipes[count]), LODE_ELIMIT);
    must(fork_once(&other, &pipes[count++]));
    while (count > 0) {
        close(pipes[--count]);
    }
    pump();
    fake_die(&hidden);
    fake_die(&other);
}

Test(forks, of_one_process_pin_a_quarter_of_what_all_may)
{
    enum { FORKS = FORK_PINS_OF_PROCESS_MAX / LODE_PIN_MAX };
    struct fake fakes[FORKS], last = fake_attach(0);
    int pipes[FORKS + 1];
    lode_id id = fake_put(&last, "pinned", 6);
    fake_ring(&last);
    for (int i = 0; i < FORKS; i++) {
        fakes[i] = fake_attach(0);
        must(file_grow_pins(fakes[i].session, LODE_PIN_MAX));
        for (uint32_t slot = 0; slot < LODE_PIN_MAX; slot++) {
            fake_pin(&fakes[i], slot, entry_of(id) + 1);
        }
        must(fork_once(&fakes[i], &pipes[i]));
    }
    must(fork_once(&last, &pipes[FORKS])); /* without a pin */
    close(pipes[FORKS]);
    fake_pin(&last, 0, entry_of(id) + 1);
    fails(fork_once(&last, &pipes[FORKS]), LODE_ELIMIT);
    close(pipes[0]);
    pump();
    must(fork_once(&last, &pipes[FORKS]));
    for (int i = 1; i <= FORKS; i++) {
        close(pipes[i]);
    }
    pump();
    for (int i = 0; i < FORKS; i++) {
        fake_die(&fakes[i]);
    }
    fake_die(&last);
}

/* ---- in parts ---- */

static struct fake
attach_pinner(uint32_t entry)
{
    struct fake fake = fake_attach(0);
    must(file_grow_pins(fake.session, LODE_PIN_MAX));
    for (uint32_t slot = 0; slot < LODE_PIN_MAX; slot++) {
        fake_pin(&fake, slot, entry + 1);
    }
    return fake;
}

static void
say_fork(struct fake *fake)
{
    struct lode_msg_head ask = {.type = LODE_MSG_FORK, .tag = 1};
    fake_send(fake, &ask, sizeof ask);
}

/* Whether the store answers the client's question within one round of its loop. */
static bool
is_served(struct fake *fake)
{
    struct lode_msg_lookup ask = {.head = {.type = LODE_MSG_LOOKUP, .tag = 5}, .id = user(1)};
    struct lode_msg_found found;
    fake_send(fake, &ask, sizeof ask);
    fake_round();
    return fake_has_packet(fake) &&
           fake_receive(fake, &found, sizeof found, NULL) == LODE_MSG_FOUND;
}

Test(forks, with_a_million_pins_let_others_be_served_while_they_begin_and_end)
{
    struct fake maker = fake_attach(0), other = fake_attach(0);
    lode_id early = fake_put(&maker, "x", 1), late = fake_put(&maker, "y", 1);
    uint8_t answer[64];
    int fds[2];
    fake_ring(&maker);
    struct fake forker = attach_pinner(entry_of(early));
    fake_pin(&forker, LODE_PIN_MAX - 1, entry_of(late) + 1);
    say_fork(&forker);
    expect(is_served(&other));
    expect(!fake_has_packet(&forker));
    pump();
    expect_eq(fake_receive(&forker, answer, sizeof answer, fds), LODE_MSG_KEPT);
    expect_eq(store->fork_pins, LODE_PIN_MAX);
    fake_die(&forker);
    fake_drop(&maker, early);
    fake_drop(&maker, late);
    fake_ring(&maker);
    expect_eq(state_of(late), LODE_ENTRY_WANTED);
    close(fds[0]);
    close(fds[1]);
    expect(is_served(&other));
    expect(store->ended_forks != NULL); /* some of its pins are left */
    expect_eq(store->fork_count, 1);
    expect_eq(store->fork_pins, LODE_PIN_MAX);
    pump();
    expect_eq(state_of(early), LODE_ENTRY_FREE);
    expect_eq(state_of(late), LODE_ENTRY_FREE);
    fake_die(&maker);
    fake_die(&other);
}

/* True: no part looks at more marks than it may. */
static bool
looks_in_parts(struct fake *fake)
{
    struct fork *fork;
    int parts = 0;
    must(forks_begin(fake->session, &fork));
    while (!forks_copy_part(store, fake->session, fork)) {
    }
    while (forks_must_wait(store, fake->session, fork)) {
        parts++;
    }
    forks_forget(fork);
    return (parts + 1) * FORK_LOOKS >= FORKS_OF_PROCESS_MAX;
}

/* Children that close all descriptors end the pipe, and keep the mark by their map of it. */
Test(forks, that_ended_after_their_pipe_make_room_for_new_ones)
{
    static int marks[FORKS_OF_PROCESS_MAX];
    struct rlimit limit = {4 * FORKS_OF_PROCESS_MAX, 4 * FORKS_OF_PROCESS_MAX};
    struct fake fake = fake_attach(0);
    uint8_t answer[64];
    int fds[2];
    expect_eq(setrlimit(RLIMIT_NOFILE, &limit), 0);
    for (int i = 0; i < FORKS_OF_PROCESS_MAX; i++) {
        must(fork_with(&fake, fds));
        marks[i] = fds[0];
        close(fds[1]);
    }
    pump();
    expect_eq(store->fork_count, FORKS_OF_PROCESS_MAX);
    expect(looks_in_parts(&fake));
    say_fork(&fake);
    pump();
    expect_eq(fake_receive(&fake, answer, sizeof answer, NULL), LODE_MSG_ERROR);
    for (int i = 0; i < FORKS_OF_PROCESS_MAX; i++) {
        close(marks[i]);
    }
    say_fork(&fake);
    pump();
    expect_eq(fake_receive(&fake, answer, sizeof answer, fds), LODE_MSG_KEPT);
    close(fds[0]);
    close(fds[1]);
    pump();
    fake_die(&fake);
}

/* Ends what the session forked last, and forks again. False: that was not answered yet. */
static bool
fork_again(struct fake *forker)
{
    uint8_t answer[64];
    int fds[2];
    if (!fake_has_packet(forker)) {
        return false;
    }
    expect_eq(fake_receive(forker, answer, sizeof answer, fds), LODE_MSG_KEPT);
    say_fork(forker);
    close(fds[0]);
    close(fds[1]);
    return true;
}

/* Has a million pins, of which the first is of the entry. Its process has forked once. */
static struct fake
attach_forker(uint32_t common, uint32_t first)
{
    struct fake fake = attach_pinner(common);
    fake_pin(&fake, 0, first + 1);
    fake_pin(&fake, LODE_PIN_MAX - 1, common + 1);
    say_fork(&fake);
    pump();
    fake_pin(&fake, 0, common + 1);
    fake_pin(&fake, LODE_PIN_MAX - 1, common + 1);
    return fake;
}

/* Two sessions fork, and their children end, as fast as the store answers. */
Test(forks, that_end_come_to_their_end_however_fast_others_follow)
{
    enum { FORKS = 24 };
    struct fake maker = fake_attach(0), forkers[2];
    lode_id common = fake_put(&maker, "x", 1), firsts[2];
    uint8_t answer[64];
    int fds[2];
    for (int i = 0; i < 2; i++) {
        firsts[i] = fake_put(&maker, "y", 1);
    }
    fake_ring(&maker);
    for (int i = 0; i < 2; i++) {
        forkers[i] = attach_forker(entry_of(common), entry_of(firsts[i]));
        fake_drop(&maker, firsts[i]);
    }
    fake_ring(&maker);
    expect_eq(state_of(firsts[0]), LODE_ENTRY_WANTED);
    for (int forks = 0; forks < FORKS;) {
        forks += fork_again(&forkers[0]);
        forks += fork_again(&forkers[1]);
        fake_round();
        fake_free();
        expect_le(store->fork_pins, FORK_PINS_OF_PROCESS_MAX);
    }
    expect_eq(state_of(firsts[0]), LODE_ENTRY_FREE);
    expect_eq(state_of(firsts[1]), LODE_ENTRY_FREE);
    pump();
    for (int i = 0; i < 2; i++) {
        expect_eq(fake_receive(&forkers[i], answer, sizeof answer, fds), LODE_MSG_KEPT);
        close(fds[0]);
        close(fds[1]);
        fake_die(&forkers[i]);
    }
    expect_eq(store->fork_count, 0);
    expect_eq(store->fork_pins, 0);
    fake_die(&maker);
}

Test(forks, of_a_session_that_ends_before_its_pins_are_copied_are_forgotten)
{
    struct fake maker = fake_attach(0), other = fake_attach(0);
    lode_id id = fake_put(&maker, "x", 1);
    fake_ring(&maker);
    for (int i = 0; i < 4; i++) {
        bool left = i % 2 == 1, at_once = i / 2 == 1;
        struct fake forker = attach_pinner(entry_of(id));
        struct lode_msg_head leave = {.type = LODE_MSG_LEAVE, .tag = 2};
        if (left) {
            fake_send(&forker, &leave, sizeof leave);
            pump();
        }
        say_fork(&forker);
        expect(is_served(&other));
        struct session *session = forker.session;
        expect(session->slow.chore.is_given);
        if (at_once) { /* as when the store itself ends: the session's memory goes next */
            session_abandon(store, session);
            expect(!session->slow.chore.is_given);
        }
        fake_die(&forker);
        expect_eq(store->fork_count, 0);
        expect_eq(store->fork_pins, 0);
    }
    fake_die(&maker);
    fake_die(&other);
}
