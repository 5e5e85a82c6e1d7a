#include "store/state/pins.h"

#include "store/state/doze.h"
#include "store/state/file.h"
#include "store/state/forks.h"

#include <string.h>

/* sum: to it is added what changes when a pin does. */
static uint32_t
each_from(struct store *store, const struct session *session, uint32_t slot, uint32_t most,
          uint64_t *sum, pins_each_fn *each, void *arg)
{
    uint32_t high = file_pin_high(session);
    uint32_t end = high > slot && high - slot > most ? slot + most : high;
    for (; slot < end; slot++) {
        uint32_t pin = file_pin(session, slot);
        *sum += (uint64_t)pin * (slot + 1);
        if (pin != 0 && pin - 1 < store->table.entry_count) {
            each(store, pin - 1, arg);
        }
    }
    return end < high ? end : 0;
}

uint32_t
pins_each_from(struct store *store, const struct session *session, uint32_t slot, uint32_t most,
               pins_each_fn *each, void *arg)
{
    uint64_t sum = 0;
    return each_from(store, session, slot, most, &sum, each, arg);
}

static void
each_of_session(struct store *store, const struct session *session, pins_each_fn *each, void *arg)
{
    if (!session->pins_are_over) {
        pins_each_from(store, session, 0, UINT32_MAX, each, arg);
    }
}

/* A dozing session that keeps nothing has no pin. */
void
pins_each(struct store *store, pins_each_fn *each, void *arg)
{
    doze_hear_once(store);
    for (uint32_t i = 0; i < store->awake_count; i++) {
        each_of_session(store, store->awake[i], each, arg);
    }
    for (uint32_t i = 0; i < store->keeper_count; i++) {
        each_of_session(store, store->keepers[i], each, arg);
    }
    forks_each_pin(store, each, arg);
}

uint64_t
pins_slots(struct store *store)
{
    uint64_t slots = store->fork_pins;
    doze_hear_once(store);
    for (uint32_t i = 0; i < store->awake_count; i++) {
        slots += file_pin_high(store->awake[i]);
    }
    for (uint32_t i = 0; i < store->keeper_count; i++) {
        slots += file_pin_high(store->keepers[i]);
    }
    return slots;
}

/* ---- counting ---- */

struct tally {
    const uint32_t *entries;
    uint64_t *pins;
    uint32_t count;
};

/* Its place in the tally; the count: it has none. */
static uint32_t
place_of(const struct tally *tally, uint32_t entry)
{
    uint32_t low = 0, high = tally->count;
    while (low < high) {
        uint32_t middle = low + (high - low) / 2;
        if (tally->entries[middle] < entry) {
            low = middle + 1;
        } else {
            high = middle;
        }
    }
    return low < tally->count && tally->entries[low] == entry ? low : tally->count;
}

static void
count_pin(struct store *store, uint32_t entry, void *arg)
{
    struct tally *tally = arg;
    uint32_t place = place_of(tally, entry);
    (void)store;
    if (place < tally->count) {
        tally->pins[place]++;
    }
}

static bool
is_any_kept(const struct store *store, const struct tally *tally)
{
    for (uint32_t i = 0; store->kept_count > 0 && i < tally->count; i++) {
        if (doze_keeps(store, tally->entries[i])) {
            return true;
        }
    }
    return false;
}

static bool
keeps_some(const struct session *session, const struct tally *tally)
{
    for (uint32_t i = 0; i < session->kept_count; i++) {
        if (place_of(tally, session->kept[i]) < tally->count) {
            return true;
        }
    }
    return false;
}

/*
 * The copies say which sessions are to be looked at, and no more: a dozing client clears a pin
 * without a word. So the pins are counted where the client has them.
 */
static void
count_kept(struct store *store, struct tally *tally)
{
    for (uint32_t i = 0; i < store->keeper_count; i++) {
        if (keeps_some(store->keepers[i], tally)) {
            each_of_session(store, store->keepers[i], count_pin, tally);
        }
    }
}

void
pins_count(struct store *store, const uint32_t *entries, uint32_t count, uint64_t *pins_out)
{
    struct tally tally = {entries, pins_out, count};
    memset(pins_out, 0, count * sizeof *pins_out);
    doze_hear_once(store);
    for (uint32_t i = 0; i < store->awake_count; i++) {
        each_of_session(store, store->awake[i], count_pin, &tally);
    }
    if (is_any_kept(store, &tally)) {
        count_kept(store, &tally);
    }
    forks_each_pin(store, count_pin, &tally);
}

/* ---- in parts ---- */

void
pins_walk_begin(const struct store *store, struct session_walk *walk)
{
    *walk = (struct session_walk){.left = store->awake_count};
}

/* The session that is next, and how many of its pins were looked at. NULL: there is none left. */
static struct session *
next_session(const struct store *store, struct session_walk *walk)
{
    if (walk->left > store->awake_count) {
        walk->left = store->awake_count;
    }
    if (walk->left == 0) {
        return NULL;
    }
    struct session *session = store->awake[walk->left - 1];
    if (session->number != walk->number) {
        walk->slot = 0;
        walk->sum = 0;
    }
    walk->number = session->number;
    return session;
}

enum { OF_SESSION = 8 }; /* slots, as long as a session without pins takes */

static bool
sessions_part(struct store *store, struct session_walk *walk, uint32_t *most, pins_each_fn *each,
              void *arg)
{
    struct session *session;
    while ((session = next_session(store, walk)) != NULL && *most > 0) {
        uint32_t begin = walk->slot;
        uint32_t next = session->pins_are_over
                            ? 0
                            : each_from(store, session, begin, *most, &walk->sum, each, arg);
        if (next != 0) {
            walk->slot = next;
            *most = 0;
            return false;
        }
        uint32_t high = file_pin_high(session);
        uint32_t looked = OF_SESSION + (high > begin ? high - begin : 0);
        *most -= looked < *most ? looked : *most;
        if (walk->sum != session->pin_sum) {
            session->pin_sum = walk->sum;
            doze_stir(session, store->turn_ns);
        }
        walk->number = 0;
        walk->left--;
    }
    return session == NULL;
}

bool
pins_walk_part(struct store *store, struct session_walk *walk, uint32_t *most, pins_each_fn *each,
               void *arg)
{
    if (!walk->is_in_forks) {
        if (!sessions_part(store, walk, most, each, arg)) {
            return false;
        }
        walk->is_in_forks = true;
        walk->fork = store->forks;
        walk->fork_pin = 0;
    }
    return forks_walk_part(store, walk, most, each, arg);
}

bool
pins_any(const struct session *session)
{
    uint32_t high = file_pin_high(session);
    for (uint32_t slot = 0; slot < high; slot++) {
        if (file_pin(session, slot) != 0) {
            return true;
        }
    }
    return false;
}
