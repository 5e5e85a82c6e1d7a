/*
 * The waits of all sessions: however many they are, each is found as fast, and none stays behind.
 */
#include "store/waits/pool.h"
#include "store/waits/waits.h"
#include "tests/unit/store/fake_client.h"

TestSuite(wait_pool, .init = store_setup, .fini = store_teardown, .timeout = 120);

static void
watch_users(struct fake *fake, uint64_t from, uint64_t end)
{
    for (uint64_t i = from; i < end; i++) {
        must(waits_arm(store, fake->session, user(i), 7, true));
    }
}

/* Ends the watches, as UNWATCH does. */
static void
unwatch(struct fake *fake)
{
    fake->session->unwatch_next = fake->session->wait_first;
    while (!waits_unwatch_part(store, fake->session, 7)) {
    }
    pump();
}

static uint32_t
longest_chain(void)
{
    const struct waits *waits = store->waits;
    uint32_t longest = 0;
    for (uint32_t i = 0; i < waits->head_count; i++) {
        uint32_t length = 0;
        for (uint32_t n = waits->heads[i]; n != 0; n = pool_at(waits, n)->hash_next) {
            length++;
        }
        longest = length > longest ? length : longest;
    }
    return longest;
}

Test(wait_pool, has_short_chains_however_many_wait)
{
    enum { MANY = 300000, LONGEST = 24 };
    struct fake watcher = fake_attach(0);
    watch_users(&watcher, 1, MANY);
    expect_lt(longest_chain(), LONGEST);
    expect_lt(MANY / 4, store->waits->head_count);
    fake_die(&watcher);
    pump();
}

Test(wait_pool, gives_its_memory_back_when_nobody_waits_any_more)
{
    struct fake watcher = fake_attach(0);
    for (int i = 0; i < 3; i++) {
        watch_users(&watcher, 1, 50 * WAIT_CHUNK);
        expect_lt(49, store->waits->chunk_count);
        unwatch(&watcher);
        expect_eq(store->waits->used, 0);
        expect_eq(store->waits->chunk_count, 1);
        expect_eq(store->waits->head_room, WAIT_HEADS_MIN);
    }
    fake_die(&watcher);
}

/* A wait that comes while the memory goes back keeps what it needs. */
Test(wait_pool, is_used_again_while_its_memory_goes_back)
{
    struct fake watcher = fake_attach(0);
    watch_users(&watcher, 1, 50 * WAIT_CHUNK);
    watcher.session->unwatch_next = watcher.session->wait_first;
    while (!waits_unwatch_part(store, watcher.session, 7)) {
    }
    watch_users(&watcher, 1, 3 * WAIT_CHUNK);
    pump();
    expect_eq(store->waits->chunk_count, 3);
    expect(waits_any(store, user(1)));
    expect(waits_any(store, user(3 * WAIT_CHUNK - 1)));
    unwatch(&watcher);
    expect_eq(store->waits->chunk_count, 1);
    fake_die(&watcher);
}

static uint32_t
waits_of_row(uint32_t row)
{
    uint32_t count = 0;
    for (uint32_t n = store->waits->rows[row].first; n != 0;
         n = pool_at(store->waits, n)->row_next) {
        count++;
    }
    return count;
}

Test(wait_pool, shows_the_end_of_a_session_the_waits_for_its_ids_only)
{
    struct fake watcher = fake_attach(0), maker = fake_attach(0), other = fake_attach(0);
    watch_users(&watcher, 1, 10000);
    for (uint64_t i = 1; i <= 3; i++) {
        must(waits_arm(store, watcher.session, lode_id_reserve(maker.number, i), i, true));
        must(waits_arm(store, other.session, lode_id_reserve(maker.number, i), i, true));
    }
    expect_eq(waits_of_row(maker.row), 6);
    expect_eq(waits_of_row(other.row), 0);
    fake_die(&maker);
    expect_eq(waits_of_row(maker.row), 0);
    expect_eq(watcher.session->wait_count, 9999);
    fake_die(&watcher);
    fake_die(&other);
}

/* ---- any order ---- */

enum { SESSIONS = 3, IDS = 12, COOKIES = 6 };

static bool model[SESSIONS][IDS][COOKIES];

static uint32_t
count_of(int session, int id)
{
    uint32_t count = 0;
    for (int i = 0; i < COOKIES; i++) {
        count += model[session][id][i];
    }
    return count;
}

static uint32_t
random_below(uint64_t *seed, uint32_t end)
{
    *seed = *seed * UINT64_C(6364136223846793005) + 1442695040888963407;
    return (uint32_t)(*seed >> 33) % end;
}

/* The first wait of each pair knows how many there are, and all are found. */
static void
compare(struct fake fakes[SESSIONS], const lode_id ids[IDS])
{
    uint32_t used = 0, pairs = 0;
    for (int s = 0; s < SESSIONS; s++) {
        for (int i = 0; i < IDS; i++) {
            uint64_t hash = table_hash(&store->table, ids[i]);
            uint32_t first = pool_pair(store->waits, fakes[s].session, ids[i], hash);
            uint32_t count = count_of(s, i);
            expect_eq(first == 0 ? 0 : pool_at(store->waits, first)->same_count, count);
            used += count;
            pairs += count > 0;
            for (uint64_t c = 0; c < COOKIES; c++) {
                expect_eq(pool_of_pair(store->waits, first, c, false) != 0, model[s][i][c]);
            }
        }
    }
    expect_eq(store->waits->used, used);
    expect_eq(store->waits->pair_count, pairs);
}

Test(wait_pool, knows_every_wait_in_whatever_order_they_come_and_go)
{
    struct fake fakes[SESSIONS];
    lode_id ids[IDS];
    uint64_t seed = 1;
    for (int s = 0; s < SESSIONS; s++) {
        fakes[s] = fake_attach(0);
    }
    for (uint64_t i = 0; i < IDS; i++) {
        ids[i] = i % 2 == 0 ? user(i) : lode_id_reserve(fakes[0].number, i);
    }
    for (int step = 0; step < 20000; step++) {
        uint32_t s = random_below(&seed, SESSIONS), i = random_below(&seed, IDS);
        uint32_t c = random_below(&seed, COOKIES);
        if (random_below(&seed, step % 2000 < 1000 ? 3 : 2) > 0) {
            must(waits_arm(store, fakes[s].session, ids[i], c, false));
            model[s][i][c] = true;
        } else {
            expect_eq(waits_disarm(store, fakes[s].session, ids[i], c, NULL), model[s][i][c]);
            model[s][i][c] = false;
        }
        if (step % 50 == 0) {
            compare(fakes, ids);
        }
    }
    for (int s = 0; s < SESSIONS; s++) {
        fake_die(&fakes[s]);
        pump();
        memset(model[s], 0, sizeof model[s]);
    }
    expect_eq(store->waits->used, 0);
    expect_eq(store->waits->pair_count, 0);
}
