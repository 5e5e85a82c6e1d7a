/* A walk over all pins, in parts, while sessions and forks end. */
#include "store/state/forks.h"
#include "store/state/pins.h"
#include "tests/unit/store/fake_client.h"

TestSuite(pins, .init = store_setup, .fini = store_teardown, .timeout = 60);

enum { READERS = 9, PINS = 100, ENTRIES = READERS * PINS };

static uint32_t seen[ENTRIES];

static void
note(struct store *of, uint32_t entry, void *arg)
{
    (void)arg;
    expect(of == store);
    expect_lt(entry, ENTRIES);
    seen[entry]++;
}

/* Each reader pins entries that nobody else pins. The walk does not look into them. */
static void
attach_all(struct fake *readers)
{
    memset(seen, 0, sizeof seen);
    for (uint32_t i = 0; i < READERS; i++) {
        readers[i] = fake_attach(0);
        for (uint32_t slot = 0; slot < PINS; slot++) {
            fake_pin(&readers[i], slot, i * PINS + slot + 1);
        }
    }
}

static void
all_were_seen(const struct fake *readers)
{
    for (uint32_t i = 0; i < READERS; i++) {
        for (uint32_t slot = 0; slot < PINS && readers[i].session != NULL; slot++) {
            expect_le(1, seen[i * PINS + slot]);
        }
    }
}

/* Ends a reader in the middle of the walk, and clears what is left of it. */
static void
end_one(struct fake *reader)
{
    fake_die(reader);
    reader->session = NULL;
}

Test(pins, of_sessions_that_stay_are_all_found_whoever_ends_during_the_walk)
{
    for (uint32_t victim = 0; victim < READERS; victim++) {
        for (uint32_t when = 0; when < 40; when++) {
            struct fake readers[READERS];
            struct session_walk walk;
            attach_all(readers);
            pins_walk_begin(store, &walk);
            for (uint32_t part = 0;; part++) {
                uint32_t most = 30;
                if (part == when) {
                    end_one(&readers[victim]);
                }
                if (pins_walk_part(store, &walk, &most, note, NULL)) {
                    break;
                }
            }
            all_were_seen(readers);
            for (uint32_t i = 0; i < READERS; i++) {
                if (readers[i].session != NULL) {
                    fake_die(&readers[i]);
                }
            }
        }
    }
}

Test(pins, are_each_found_once_where_nobody_ends)
{
    struct fake readers[READERS];
    struct session_walk walk;
    uint32_t parts = 1, most = 7;
    attach_all(readers);
    pins_walk_begin(store, &walk);
    for (; !pins_walk_part(store, &walk, &most, note, NULL); parts++) {
        most = 7;
    }
    expect_le(ENTRIES / 7, parts);
    for (uint32_t i = 0; i < ENTRIES; i++) {
        expect_eq(seen[i], 1);
    }
    for (uint32_t i = 0; i < READERS; i++) {
        fake_die(&readers[i]);
    }
}
