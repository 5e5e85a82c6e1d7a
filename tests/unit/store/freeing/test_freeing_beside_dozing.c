/*
 * Freeing beside sessions that doze and keep what they had pinned. The clock moves on by a second
 * with each look at it, so a turn ends with the first look: what is done in a turn is what the
 * store does between two looks at the clock. It is counted, in sessions and in pins.
 *
 * ctest: wrap clock_gettime
 */
#include "store/state/doze.h"
#include "tests/unit/store/fake_client.h"

#include <time.h>

TestSuite(freeing_beside_dozing, .init = store_setup, .fini = store_teardown, .timeout = 120);

enum { SESSIONS = 64, PINS = 1000, AT_ONCE = 4096 /* pins between two looks at the clock */ };

static bool clock_jumps;
static int64_t jumped_s;

int __real_clock_gettime(clockid_t which, struct timespec *now_out);
int __wrap_clock_gettime(clockid_t which, struct timespec *now_out);

int
__wrap_clock_gettime(clockid_t which, struct timespec *now_out)
{
    int result = __real_clock_gettime(which, now_out);
    jumped_s += clock_jumps;
    now_out->tv_sec += jumped_s;
    return result;
}

static void
pin_many(struct fake *fake, uint32_t entry)
{
    _Atomic uint32_t *pins = (void *)(fake->file + lode_pins_offset(LODE_RING_BYTES_DEFAULT));
    for (uint32_t slot = 0; slot < PINS; slot++) {
        atomic_store_explicit(&pins[slot], entry + 1, memory_order_relaxed);
    }
    atomic_store(&fake->header->pin_high, PINS);
}

/* Looks for sessions that may doze until all do. Returns how many began in one look at most. */
static uint32_t
let_all_doze(void)
{
    uint32_t most = 0;
    store->turn_ns = lode_now_ns() + 2 * DOZE_AFTER_NS;
    for (int i = 0; i < 2 * SESSIONS && store->doze_count < SESSIONS; i++) {
        uint32_t before = store->doze_count;
        store->turn_ns += DOZE_LOOK_NS;
        doze_settle(store);
        most = store->doze_count - before > most ? store->doze_count - before : most;
    }
    expect_eq(store->doze_count, SESSIONS);
    return most;
}

/* Frees turn by turn. Returns how many sessions woke in one at most. */
static uint32_t
free_all(void)
{
    uint32_t most = 0;
    clock_jumps = true;
    do {
        uint32_t before = store->doze_count;
        freeing_turn(store);
        most = before - store->doze_count > most ? before - store->doze_count : most;
    } while (freeing_is_under_way(store) || store->table.candidate_count > 0);
    clock_jumps = false;
    return most;
}

static struct fake keepers[SESSIONS];

static void
attach_keepers(void)
{
    for (int i = 0; i < SESSIONS; i++) {
        keepers[i] = fake_attach(LODE_HELLO_RINGS);
    }
}

static void
end_keepers(void)
{
    for (int i = 0; i < SESSIONS; i++) {
        fake_die(&keepers[i]);
    }
}

Test(freeing_beside_dozing, that_keep_thousands_of_pins_wakes_a_few_of_them_at_a_time)
{
    struct fake maker = fake_attach(0);
    lode_id kept = fake_put(&maker, "k", 1), other = fake_put(&maker, "o", 1);
    fake_ring(&maker);
    attach_keepers();
    for (int i = 0; i < SESSIONS; i++) { /* each second one keeps nothing that is dropped */
        pin_many(&keepers[i], entry_of(i % 2 == 0 ? kept : other));
    }
    expect_le(let_all_doze(), DOZE_SLOTS_MAX / PINS);
    expect_eq(store->kept_count, SESSIONS * PINS);
    fake_drop(&maker, kept);
    ring_drain(store, maker.session);
    expect_le(free_all(), AT_ONCE / PINS + 1);
    expect_eq(store->doze_count, SESSIONS / 2);
    expect_eq(state_of(kept), LODE_ENTRY_WANTED);
    for (int i = 0; i < SESSIONS; i++) {
        expect_eq(keepers[i].session->dozes, i % 2 != 0);
    }
    end_keepers();
    expect_eq(state_of(kept), LODE_ENTRY_FREE);
    fake_die(&maker);
}

/* Those that need not wake take as long to look at. */
Test(freeing_beside_dozing, looks_at_so_many_pins_of_theirs_at_a_time)
{
    struct fake maker = fake_attach(0);
    lode_id other = fake_put(&maker, "o", 1);
    fake_ring(&maker);
    attach_keepers();
    for (int i = 0; i < SESSIONS; i++) {
        pin_many(&keepers[i], entry_of(other));
    }
    let_all_doze();
    uint32_t left = store->keeper_count, parts = 0, before;
    store->batch.phase = BATCH_WAKE;
    do {
        uint32_t most = AT_ONCE;
        before = left;
        bool is_over = doze_wake_keepers(store, &left, &most);
        expect_eq(is_over, left == 0);
        expect_le(before - left, AT_ONCE / PINS + 1);
        expect(left == 0 || most == 0);
        parts++;
    } while (left > 0);
    expect_le(SESSIONS * PINS / (AT_ONCE + PINS), parts);
    store->batch.phase = BATCH_NONE;
    expect_eq(store->doze_count, SESSIONS);
    end_keepers();
    fake_die(&maker);
}

/* The walk goes from the last to the first, and the last one takes the place of one that wakes. */
Test(freeing_beside_dozing, finds_each_that_keeps_a_victim_whoever_wakes_meanwhile)
{
    struct fake maker = fake_attach(0);
    lode_id kept = fake_put(&maker, "k", 1);
    fake_ring(&maker);
    uint32_t entry = entry_of(kept);
    attach_keepers();
    for (int i = 0; i < SESSIONS; i++) {
        pin_many(&keepers[i], entry);
    }
    let_all_doze();
    fake_drop(&maker, kept);
    ring_drain(store, maker.session);
    clock_jumps = true;
    do {
        freeing_turn(store);
        expect(freeing_is_under_way(store));
    } while (store->batch.phase != BATCH_WAKE);
    for (int i = 0; i < SESSIONS; i++) { /* they let go of it, and tell nobody */
        fake_pin(&keepers[i], PINS - 1, 0);
        atomic_store(&keepers[i].header->pin_high, 0);
    }
    for (int i = 0; freeing_is_under_way(store); i++) {
        doze_wake(store, keepers[i * 7 % SESSIONS].session);
        expect(!(store->table.truths[entry].flags & TRUTH_PINNED));
        freeing_turn(store);
    }
    clock_jumps = false;
    expect_eq(store->doze_count, 0);
    pump();
    expect_eq(state_of(kept), LODE_ENTRY_FREE);
    end_keepers();
    fake_die(&maker);
}

/* What it says shows that it is not idle. So its pins count as they are. */
Test(freeing_beside_dozing, of_what_one_of_them_releases_takes_one_batch_and_wakes_nobody_else)
{
    struct fake maker = fake_attach(0), *reader = &keepers[0];
    lode_id other = fake_put(&maker, "o", 1), read = fake_put(&maker, "r", 1);
    fake_ring(&maker);
    attach_keepers();
    for (int i = 1; i < SESSIONS; i++) {
        pin_many(&keepers[i], entry_of(other));
    }
    uint32_t entry = entry_of(read);
    fake_pin(reader, 0, entry + 1);
    fake_drop(&maker, read);
    fake_ring(&maker);
    expect_eq(state_of(read), LODE_ENTRY_WANTED);
    let_all_doze();
    expect_eq(store->kept[entry], 1);
    uint64_t generation = lode_word_generation(entry_word(&store->table, entry));
    struct lode_msg_released released = {
        .head = {.type = LODE_MSG_RELEASED}, .entry = entry, .generation = generation};
    fake_pin(reader, 0, 0);
    fake_send(reader, &released, sizeof released);
    socket_ready(reader->session);
    expect(!reader->session->dozes);
    while (freeing_is_under_way(store) || store->table.candidate_count > 0) {
        freeing_turn(store);
        expect_eq(store->batch.wanted, 0); /* nothing was looked at again */
    }
    expect_eq(state_of(read), LODE_ENTRY_FREE);
    expect_eq(store->doze_count, SESSIONS - 1);
    end_keepers();
    fake_die(&maker);
}
