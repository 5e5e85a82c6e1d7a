#include "api/client/session/threads.h"

#include "api/base/fail.h"
#include "api/client/session/handle.h"
#include "api/client/session/process.h"

#include <pthread.h>
#include <sched.h>
#include <stdlib.h>

_Thread_local struct lode_thread *lode_thread_self;

static _Atomic(struct lode_thread *) all_threads;
static pthread_key_t end_key;
static bool has_end_key; /* written once, by make_key() */
static pthread_once_t end_key_once = PTHREAD_ONCE_INIT;

/* ---- records ------------------------------------------------------------------------------ */

static void
give_back(struct lode_thread_cache *cache)
{
    if (cache->serial != 0) {
        lode_process_give_slots(cache->serial, cache->slot, cache->count);
    }
    cache->serial = 0;
    cache->count = 0;
}

/* Runs when a thread ends. A release in a later destructor makes a new record. */
static void
thread_ends(void *arg)
{
    struct lode_thread *self = arg;
    for (int i = 0; i < LODE_THREAD_CACHES; i++) {
        give_back(&self->cache[i]);
    }
    lode_thread_self = NULL;
    atomic_store_explicit(&self->taken, false, memory_order_release);
}

/* In a child the records of all other threads are free. The slots in them are the parent's. */
static void
in_child(void)
{
    struct lode_thread *t = atomic_load_explicit(&all_threads, memory_order_relaxed);
    for (; t != NULL; t = t->next) {
        for (int i = 0; i < LODE_THREAD_CACHES; i++) {
            t->cache[i] = (struct lode_thread_cache){0};
        }
        atomic_store_explicit(&t->busy, NULL, memory_order_relaxed);
        atomic_store_explicit(&t->taken, t == lode_thread_self, memory_order_relaxed);
    }
}

static void
make_key(void)
{
    has_end_key = pthread_key_create(&end_key, thread_ends) == 0;
    lode_process_in_child(in_child);
}

static struct lode_thread *
take_left_one(void)
{
    struct lode_thread *t = atomic_load_explicit(&all_threads, memory_order_acquire);
    for (; t != NULL; t = t->next) {
        bool taken = false;
        if (atomic_compare_exchange_strong(&t->taken, &taken, true)) {
            return t;
        }
    }
    return NULL;
}

static struct lode_thread *
add_one(void)
{
    struct lode_thread *t = calloc(1, sizeof *t);
    if (t == NULL) {
        return NULL;
    }
    atomic_init(&t->taken, true);
    t->next = atomic_load_explicit(&all_threads, memory_order_relaxed);
    while (!atomic_compare_exchange_weak_explicit(&all_threads, &t->next, t, memory_order_release,
                                                  memory_order_relaxed)) {
    }
    return t;
}

struct lode_thread *
lode_thread_make(void)
{
    pthread_once(&end_key_once, make_key);
    struct lode_thread *self = has_end_key ? take_left_one() : NULL;
    if (self == NULL && has_end_key) {
        self = add_one();
    }
    if (self != NULL && pthread_setspecific(end_key, self) != 0) {
        atomic_store_explicit(&self->taken, false, memory_order_release);
        return NULL;
    }
    lode_thread_self = self;
    return self;
}

void
lode_threads_leave(const lode *db)
{
    struct lode_thread *t = atomic_load_explicit(&all_threads, memory_order_acquire);
    for (; t != NULL; t = t->next) {
        while (atomic_load_explicit(&t->busy, memory_order_acquire) == db) {
            sched_yield();
        }
    }
}

/* ---- slots -------------------------------------------------------------------------------- */

static struct lode_thread_cache *
cache_of(lode *db, struct lode_thread *self)
{
    struct lode_thread_cache *cache = &self->cache[db->serial % LODE_THREAD_CACHES];
    if (cache->serial != db->serial) {
        give_back(cache);
        cache->serial = db->serial;
    }
    return cache;
}

/*
 * Has the store double the slots that may be used. If several threads ask at once, its answers
 * count.
 */
static lode_err
grow(lode *db, int64_t answer_by)
{
    uint32_t limit = atomic_load_explicit(&db->pin_slots.limit, memory_order_acquire);
    struct lode_msg_pins ask = {.head.type = LODE_MSG_GROW_PINS, .slots = limit * 2};
    struct lode_msg_pins are;
    if (limit >= LODE_PIN_MAX) {
        return lode_fail_with(LODE_ELIMIT, "%d views are held: release some first", LODE_PIN_MAX);
    }
    if (answer_by == 0) {
        return LODE_EAGAIN;
    }
    LODE_TRY(lode_store_ask_exactly(&db->calls, &ask.head, sizeof ask, LODE_MSG_PINS, &are,
                                    sizeof are, answer_by));
    if (are.slots > LODE_PIN_MAX || are.slots < limit) {
        return lode_fail_with(LODE_EPROTO, "the store grants %u pins", (unsigned)are.slots);
    }
    while (limit < are.slots &&
           !atomic_compare_exchange_weak_explicit(&db->pin_slots.limit, &limit, are.slots,
                                                  memory_order_release, memory_order_relaxed)) {
    }
    return LODE_OK;
}

lode_err
lode_slot_take_slowly(lode *db, struct lode_thread *self, int64_t answer_by, uint32_t *slot_out)
{
    if (self == NULL) {
        return lode_fail_with(LODE_ENOMEM, "no memory for this thread's pins, or the program has "
                                           "made all pthread keys that there are");
    }
    struct lode_thread_cache *cache = cache_of(db, self);
    int64_t slot;
    while ((slot = lode_pin_slots_take(&db->pin_slots)) < 0) {
        LODE_TRY(grow(db, answer_by));
    }
    *slot_out = (uint32_t)slot;
    /* Takes some more for the next gets, as far as there are any without asking the store. */
    while (cache->count < LODE_THREAD_SLOTS / 2 &&
           (slot = lode_pin_slots_take(&db->pin_slots)) >= 0) {
        cache->slot[cache->count++] = (uint32_t)slot;
    }
    return LODE_OK;
}

void
lode_slot_give_slowly(lode *db, struct lode_thread *self, uint32_t slot)
{
    if (self == NULL) {
        lode_pin_slots_give(&db->pin_slots, slot);
        return;
    }
    struct lode_thread_cache *cache = cache_of(db, self);
    while (cache->count > LODE_THREAD_SLOTS / 2) {
        lode_pin_slots_give(&db->pin_slots, cache->slot[--cache->count]);
    }
    cache->slot[cache->count++] = slot;
}
