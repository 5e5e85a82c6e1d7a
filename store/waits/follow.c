#include "store/waits/follow.h"

#include "store/table/names.h"
#include "store/waits/wakes.h"

#include <string.h>

void
follow_awaited(struct store *store, lode_id id)
{
    uint32_t name;
    if (lode_id_kind(id) == LODE_ID_NAME && table_find(&store->table, id, &name) &&
        name_is_bound(&store->table, name) && !name_is_told(&store->table, name)) {
        name_set_told(&store->table, name, true);
        wakes_follow(store, lode_wake_bucket(table_hash(&store->table, id)));
    }
}

void
follow_bound(struct store *store, uint32_t name)
{
    if (name_is_told(&store->table, name)) {
        uint32_t bucket =
            lode_wake_bucket(table_hash(&store->table, store->table.entries[name].id));
        if (wakes_idle(store, bucket) >= FOLLOW_IDLE) {
            name_set_told(&store->table, name, false); /* before the counter changes */
        }
        wakes_mark(store, bucket);
    }
}

void
follow_ended(struct store *store)
{
    struct table *table = &store->table;
    if (!table->any_told_ended) {
        return;
    }
    for (uint32_t i = 0; i < LODE_WAKE_BUCKETS / 64; i++) {
        for (uint64_t left = table->told_ended[i]; left != 0; left &= left - 1) {
            wakes_mark(store, i * 64 + (uint32_t)__builtin_ctzll(left));
        }
    }
    memset(table->told_ended, 0, sizeof table->told_ended);
    table->any_told_ended = false;
}
