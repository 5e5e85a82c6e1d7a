/*
 * wakes.h: the buckets of index.h [4] in which clients sleep. It knows in which of them a wait is
 * armed (`waited`), and which are marked to be woken. wakes_send() wakes all marked buckets
 * together: before the loop sleeps, and at once after a doorbell.
 *
 * A bucket's `waited` word is not 0 exactly while a wait is armed in it.
 */
#ifndef LODE_STORE_WAITS_WAKES_H
#define LODE_STORE_WAITS_WAKES_H

#include "api/layout/index.h"

struct session;
struct store;

struct wakes {
    uint32_t armed[LODE_WAKE_BUCKETS];
    uint32_t all_armed;                        /* how often all of them together */
    uint16_t marked[LODE_WAKE_BUCKETS];        /* the buckets to be woken */
    struct session *stream[LODE_WAKE_BUCKETS]; /* of a marked bucket; NULL: none */
    uint32_t marked_count;
    bool is_marked[LODE_WAKE_BUCKETS];
    uint8_t idle[LODE_WAKE_BUCKETS]; /* wakes in vain since one that woke a client, at most 255 */
};

void wakes_arm(struct store *store, uint32_t bucket);
void wakes_disarm(struct store *store, uint32_t bucket);

/* For watches of more ids than the store knows one by one: whoever puts rings the store. */
void wakes_arm_all(struct store *store);
void wakes_disarm_all(struct store *store);

void wakes_mark(struct store *store, uint32_t bucket);
void wakes_mark_all(struct store *store);

/* Marks the id's bucket. If that wakes a client, `stream` stays a stream for longer (stream.h). */
void wakes_mark_for(struct store *store, lode_id id, struct session *stream);

/* How often in a row the bucket was woken in vain, as far as is known; and counts from 0 again. */
uint32_t wakes_idle(const struct store *store, uint32_t bucket);
void wakes_follow(struct store *store, uint32_t bucket);

/* Wakes every client that sleeps in a marked bucket. True: one slept there. */
bool wakes_send(struct store *store);

#endif
