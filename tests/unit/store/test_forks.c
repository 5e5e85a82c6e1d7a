/* What the store copies when a process says that it forks. */
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
        must(forks_add(store, fake.session, fds));
        forks_each_pin(store, note_entry, &wanted);
        expect_eq(wanted, UINT32_MAX);
        close(fds[0]);
        close(fds[1]);
        pump();
        expect_eq(store->fork_count, 0);
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
    LODE_TRY(forks_add(store, fake->session, fds));
    close(fds[0]);
    *pipe_out = fds[1];
    return LODE_OK;
}

Test(forks, of_one_session_leave_some_for_the_others)
{
    static int pipes[FORKS_OF_SESSION_MAX + 2];
    struct rlimit limit = {4 * FORKS_OF_SESSION_MAX, 4 * FORKS_OF_SESSION_MAX};
    struct fake greedy = fake_attach(0), other = fake_attach(0);
    int count = 0;
    expect_eq(setrlimit(RLIMIT_NOFILE, &limit), 0);
    for (; count < FORKS_OF_SESSION_MAX; count++) {
        must(fork_once(&greedy, &pipes[count]));
    }
    fails(fork_once(&greedy, &pipes[count]), LODE_ELIMIT);
    must(fork_once(&other, &pipes[count++]));
    close(pipes[0]);
    pump();
    must(fork_once(&greedy, &pipes[0])); /* the children of one are gone */
    while (count > 0) {
        close(pipes[--count]);
    }
    pump();
    expect_eq(store->fork_count, 0);
    expect_eq(greedy.session->fork_count, 0);
    fake_die(&greedy);
    fake_die(&other);
}

Test(forks, of_one_session_pin_a_quarter_of_what_all_may)
{
    struct fake fake = fake_attach(0);
    int pipe = -1;
    lode_id id = fake_put(&fake, "pinned", 6);
    fake_ring(&fake);
    fake_pin(&fake, 0, entry_of(id) + 1);
    fake.session->fork_pins = FORK_PINS_OF_SESSION_MAX - 1; /* as if by earlier forks */
    must(fork_once(&fake, &pipe));
    close(pipe);
    fake.session->fork_pins = FORK_PINS_OF_SESSION_MAX;
    fails(fork_once(&fake, &pipe), LODE_ELIMIT);
    fake.session->fork_pins = 1;
    pump();
    fake_pin(&fake, 0, 0);
    fake_die(&fake);
}
