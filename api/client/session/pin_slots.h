/*
 * pin_slots.h: which pin words of the session file are free.
 *
 * A lock-free list for the process, and in front of it a few slots for each thread, so that a get
 * takes no lock and shares no cache line. A slot goes back to the thread that releases
 * its view. Where a free slot is:
 *
 *   [ free list: head {tag, slot + 1}, next[slot] ] <--refill, spill--> [ thread: up to 13 slots ]
 *          ^ fresh slots: pin_high of the session file, up to `limit`; more: GROW_PINS
 */
#ifndef LODE_CLIENT_PIN_SLOTS_H
#define LODE_CLIENT_PIN_SLOTS_H

#include "api/layout/session.h"

struct lode_pin_slots {
    _Atomic uint64_t head;  /* tag << 32 | slot + 1; the tag grows with each change (ABA) */
    _Atomic uint32_t *next; /* of LODE_PIN_MAX, touched as slots are used */
    _Atomic uint32_t *high; /* pin_high of the session file */
    _Atomic uint32_t limit; /* slots that are fallocated */
};

/* Errors: LODE_ENOMEM. */
LODE_MUST_CHECK lode_err lode_pin_slots_init(struct lode_pin_slots *slots, _Atomic uint32_t *high,
                                             uint32_t limit);
void lode_pin_slots_fini(struct lode_pin_slots *slots);

/* A free slot; -1: all up to the limit are in use. Any thread; no lock. */
int64_t lode_pin_slots_take(struct lode_pin_slots *slots);
void lode_pin_slots_give(struct lode_pin_slots *slots, uint32_t slot);

/* True if no pin is set: a session can be freed when it is closed. `pins`: of the session file. */
bool lode_pins_all_clear(const struct lode_pin_slots *slots, const _Atomic uint32_t *pins);

#endif
