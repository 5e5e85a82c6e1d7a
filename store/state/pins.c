#include "store/state/pins.h"

#include "store/state/doze.h"
#include "store/state/file.h"
#include "store/state/forks.h"

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

void
pins_each(struct store *store, pins_each_fn *each, void *arg)
{
    for (uint32_t i = 0; i < store->session_count; i++) {
        if (!store->sessions[i]->pins_are_over) {
            pins_each_from(store, store->sessions[i], 0, UINT32_MAX, each, arg);
        }
    }
    forks_each_pin(store, each, arg);
}

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
