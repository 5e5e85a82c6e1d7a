#include "store/waits/wakes.h"

#include "api/system/futex.h"
#include "store/state/store.h"

void
wakes_arm(struct store *store, uint32_t bucket)
{
    if (store->wakes.armed[bucket]++ == 0) {
        atomic_store_explicit(&store->table.wakes[bucket].waited, 1, memory_order_relaxed);
    }
}

void
wakes_disarm(struct store *store, uint32_t bucket)
{
    if (--store->wakes.armed[bucket] == 0) {
        atomic_store_explicit(&store->table.wakes[bucket].waited, 0, memory_order_relaxed);
    }
}

void
wakes_arm_all(struct store *store)
{
    if (store->wakes.all_armed++ == 0) {
        for (uint32_t bucket = 0; bucket < LODE_WAKE_BUCKETS; bucket++) {
            wakes_arm(store, bucket);
        }
    }
}

void
wakes_disarm_all(struct store *store)
{
    if (--store->wakes.all_armed == 0) {
        for (uint32_t bucket = 0; bucket < LODE_WAKE_BUCKETS; bucket++) {
            wakes_disarm(store, bucket);
        }
    }
}

void
wakes_mark(struct store *store, uint32_t bucket)
{
    struct wakes *wakes = &store->wakes;
    if (!wakes->is_marked[bucket]) {
        wakes->is_marked[bucket] = true;
        wakes->stream[bucket] = NULL;
        wakes->marked[wakes->marked_count++] = (uint16_t)bucket;
    }
}

void
wakes_mark_all(struct store *store)
{
    for (uint32_t bucket = 0; bucket < LODE_WAKE_BUCKETS; bucket++) {
        wakes_mark(store, bucket);
    }
}

void
wakes_mark_for(struct store *store, lode_id id, struct session *stream)
{
    uint32_t bucket = lode_wake_bucket(table_hash(&store->table, id));
    wakes_mark(store, bucket);
    store->wakes.stream[bucket] = stream;
}

uint32_t
wakes_idle(const struct store *store, uint32_t bucket)
{
    return store->wakes.idle[bucket];
}

void
wakes_follow(struct store *store, uint32_t bucket)
{
    store->wakes.idle[bucket] = 0;
}

bool
wakes_send(struct store *store)
{
    struct wakes *wakes = &store->wakes;
    bool any = false;
    for (uint32_t i = 0; i < wakes->marked_count; i++) {
        uint32_t bucket = wakes->marked[i];
        struct lode_wake *wake = &store->table.wakes[bucket];
        wakes->is_marked[bucket] = false;
        atomic_fetch_add_explicit(&wake->counter, 1, memory_order_release);
        bool woke = lode_futex_wake_all(&wake->counter) > 0;
        wakes->idle[bucket] = woke ? 0 : wakes->idle[bucket] + (wakes->idle[bucket] < UINT8_MAX);
        if (woke && wakes->stream[bucket] != NULL) {
            wakes->stream[bucket]->idle_seals = 0;
        }
        any = any || woke;
        store->counts.wakes++;
    }
    wakes->marked_count = 0;
    return any;
}
