/*
 * A look-up that pins, with a batch of freeing between its instructions (api/layout/session.h [2]):
 * the test plays the store. A pin that did not hold may have been seen by the store, which then
 * waits for the end of that pin, and must be told.
 */
#include "tests/support/steps.h"
#include "tests/unit/api/fake_index.h"

#include <criterion/criterion.h>

enum {
    NUMBER = 7,    /* of the entry */
    LASTS_MAX = 40 /* instructions; from pin to the last look at the word there are fewer */
};

static struct fake_index fake;
static lode_id id;
static uint64_t hash;
static struct lode_entry *entry;
static _Atomic uint32_t pin;

/* What came of the look-up: what get.c goes by. */
static enum lode_look found;
static const struct lode_entry *found_entry;
static uint64_t found_word;

static void
setup(void)
{
    fake = fake_index_make();
    id = lode_id_make(LODE_ID_PUT, 1, 1);
    hash = lode_id_hash(id, fake.view.hash_key);
    entry = fake_index_add(&fake, NUMBER, id, LODE_ENTRY_SEALED);
}

static void
teardown(void)
{
    fake_index_free(&fake);
}

TestSuite(pin_steps, .init = setup, .fini = teardown, .timeout = 120);

/* ---- the store ---- */

static uint64_t dooms_at, ends_at; /* after so many instructions of the reader */
static bool saw_pin;
static uint64_t generation;

static void
become(enum lode_entry_state state)
{
    atomic_store(&entry->word, lode_word_make(generation, state));
}

/* It marks the entry, and looks at the pins. */
static void
doom(void)
{
    become(LODE_ENTRY_DOOMED);
    saw_pin = atomic_load(&pin) == NUMBER + 1;
}

/*
 * Nobody finds the id any more. If the pin was seen, the entry is WANTED; the store looks at the
 * pins once more then, and frees it if that one was cleared meanwhile.
 */
static void
end(void)
{
    fake.slots[lode_table_probe(fake.header->table, hash, 0)] = LODE_TABLE_TOMBSTONE;
    if (saw_pin) {
        become(LODE_ENTRY_WANTED);
    }
    if (!saw_pin || atomic_load(&pin) == 0) {
        generation++;
        become(LODE_ENTRY_FREE);
    }
}

static void
come_between(uint64_t step)
{
    if (step == dooms_at) {
        doom();
    } else if (step == ends_at) {
        steps_enough();
        end();
    }
}

/* ---- the reader ---- */

static void
look(void)
{
    uint64_t row;
    found = lode_index_look_first(&fake.view, id, hash, &pin, &found_entry, &found_word, &row);
    if (found == LODE_LOOK_MISS) {
        found = lode_index_look(&fake.view, id, hash, &pin, &found_entry, &found_word, &row);
    }
}

/* False: the reader was done before the store began. */
static bool
look_meanwhile(uint64_t begin, uint64_t lasts)
{
    fake.slots[lode_table_probe(fake.header->table, hash, 0)] = lode_slot_make(hash, NUMBER);
    become(LODE_ENTRY_SEALED);
    atomic_store(&pin, 0);
    dooms_at = begin;
    ends_at = begin + lasts;
    steps_on(come_between);
    look();
    steps_off();
    bool has_met = steps_count >= dooms_at;
    if (!has_met) {
        doom();
    }
    if (steps_count < ends_at) {
        end();
    }
    return has_met;
}

Test(pin_steps, whatever_the_store_waits_for_is_pinned_or_told)
{
    uint64_t pinned = 0, owed = 0, missed = 0;
    bool met = STEPS_WORK;
    for (uint64_t begin = 1; met; begin++) {
        for (uint64_t lasts = 1; lasts <= LASTS_MAX; lasts++) {
            met = look_meanwhile(begin, lasts);
            bool waits = lode_word_state(atomic_load(&entry->word)) == LODE_ENTRY_WANTED;
            cr_assert_eq(atomic_load(&pin), found == LODE_LOOK_PINNED ? NUMBER + 1 : 0);
            cr_assert(!waits || found != LODE_LOOK_MISS,
                      "the store waits for ever if it dooms after instruction %llu, and ends %llu "
                      "later",
                      (unsigned long long)begin, (unsigned long long)lasts);
            if (found == LODE_LOOK_OWED) {
                cr_assert_eq(found_entry, entry);
                cr_assert_eq(lode_word_generation(found_word), generation);
            }
            pinned += found == LODE_LOOK_PINNED;
            owed += found == LODE_LOOK_OWED;
            missed += found == LODE_LOOK_MISS;
        }
    }
    cr_assert(!STEPS_WORK || (pinned > 10 && owed > 10 && missed > 10), "%llu %llu %llu",
              (unsigned long long)pinned, (unsigned long long)owed, (unsigned long long)missed);
}

/* The pin names the entry, and not the life of it that the reader meant. */
Test(pin_steps, a_pin_that_held_up_the_next_life_of_an_entry_is_told_of_that)
{
    uint64_t word = entry->word, now = 0, row;
    entry->word = lode_word_make(lode_word_generation(word) + 1, LODE_ENTRY_WANTED);
    cr_assert_not(lode_index_pin(&fake.view, entry, word, &pin, &row));
    cr_assert_eq(pin, NUMBER + 1);
    cr_assert(lode_index_give_up(entry, &pin, &now));
    cr_assert_eq(pin, 0);
    cr_assert_eq(now, entry->word);
    entry->word = lode_word_make(lode_word_generation(word) + 1, LODE_ENTRY_SEALED);
    cr_assert_not(lode_index_give_up(entry, &pin, &now), "nobody waits");
}
