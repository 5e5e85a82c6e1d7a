/* What the store copies when a process says that it forks. */
#include "store/state/forks.h"
#include "tests/unit/store/fake_client.h"

#include <pthread.h>

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
