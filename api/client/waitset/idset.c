#include "api/client/waitset/idset.h"

#include "api/base/assert.h"
#include "api/base/fail.h"
#include "api/layout/id.h"
#include "api/layout/index.h"

#include <stdlib.h>

enum state { FREE = 0, AWAITED, READY };

struct lode_idset_item {
    lode_id id;
    uint32_t next, previous; /* + 1: among those that are ready, or free */
    uint32_t hash;           /* its low bits */
    uint32_t state;          /* enum state */
};

enum { ROOM_FIRST = 64 };

static uint32_t
mask_of(const struct lode_idset *set)
{
    return 2 * set->room - 1;
}

static uint32_t
hash_of(const struct lode_idset *set, lode_id id)
{
    return (uint32_t)lode_id_hash(id, set->hash_key);
}

/* ---- the table ---- */

/* The place of an id in the table, or the empty one where it would be. */
static uint32_t
place_of(const struct lode_idset *set, lode_id id, uint32_t hash)
{
    uint32_t at = hash & mask_of(set);
    for (;; at = (at + 1) & mask_of(set)) {
        uint32_t number = set->table[at];
        if (number == 0 ||
            (set->items[number - 1].hash == hash && lode_id_same(set->items[number - 1].id, id))) {
            return at;
        }
    }
}

/* The item of an id, + 1; 0: it is not in the set. */
static uint32_t
find(const struct lode_idset *set, lode_id id)
{
    return set->count > 0 ? set->table[place_of(set, id, hash_of(set, id))] : 0;
}

/* What stands behind the hole moves into it, unless it would come to lie before its own place. */
static void
take_out(struct lode_idset *set, uint32_t hole)
{
    uint32_t mask = mask_of(set);
    for (uint32_t at = (hole + 1) & mask; set->table[at] != 0; at = (at + 1) & mask) {
        uint32_t home = set->items[set->table[at] - 1].hash & mask;
        if (((at - home) & mask) >= ((at - hole) & mask)) {
            set->table[hole] = set->table[at];
            hole = at;
        }
    }
    set->table[hole] = 0;
}

static void
fill_table(struct lode_idset *set)
{
    for (uint32_t i = 0; i < set->begun; i++) {
        const struct lode_idset_item *item = &set->items[i];
        if (item->state != FREE) {
            set->table[place_of(set, item->id, item->hash)] = i + 1;
        }
    }
}

lode_err
lode_idset_reserve(struct lode_idset *set, uint32_t count)
{
    uint32_t room = set->room == 0 ? ROOM_FIRST : set->room;
    while (room < set->count + count) {
        room *= 2;
    }
    if (room == set->room) {
        return LODE_OK;
    }
    uint32_t *table = calloc(2 * (size_t)room, sizeof *table);
    struct lode_idset_item *items = realloc(set->items, room * sizeof *items);
    set->items = items != NULL ? items : set->items;
    if (table == NULL || items == NULL) {
        free(table);
        return lode_fail_with(LODE_ENOMEM, "no memory for a wait set of %u ids",
                              set->count + count);
    }
    free(set->table);
    set->table = table;
    set->room = room;
    fill_table(set);
    return LODE_OK;
}

/* ---- those that are ready ---- */

static void
link_ready(struct lode_idset *set, uint32_t number)
{
    struct lode_idset_item *item = &set->items[number - 1];
    item->next = 0;
    item->previous = set->ready_last;
    if (set->ready_last != 0) {
        set->items[set->ready_last - 1].next = number;
    } else {
        set->ready_first = number;
    }
    set->ready_last = number;
    set->ready_count++;
}

static void
unlink_ready(struct lode_idset *set, uint32_t number)
{
    const struct lode_idset_item *item = &set->items[number - 1];
    if (item->previous != 0) {
        set->items[item->previous - 1].next = item->next;
    } else {
        set->ready_first = item->next;
    }
    if (item->next != 0) {
        set->items[item->next - 1].previous = item->previous;
    } else {
        set->ready_last = item->previous;
    }
    set->ready_count--;
}

/* ---- ids ---- */

bool
lode_idset_add(struct lode_idset *set, lode_id id)
{
    LODE_ASSERT(set->count < set->room);
    uint32_t hash = hash_of(set, id), place = place_of(set, id, hash), number = set->free_first;
    if (set->table[place] != 0) {
        return false;
    }
    if (number != 0) {
        set->free_first = set->items[number - 1].next;
    } else {
        number = ++set->begun;
    }
    set->items[number - 1] = (struct lode_idset_item){.id = id, .hash = hash, .state = AWAITED};
    set->table[place] = number;
    set->count++;
    set->result_count += lode_id_kind(id) == LODE_ID_RESULT;
    return true;
}

static void
await_no_more(struct lode_idset *set, const struct lode_idset_item *item)
{
    set->result_count -= item->state == AWAITED && lode_id_kind(item->id) == LODE_ID_RESULT;
}

bool
lode_idset_ready(struct lode_idset *set, lode_id id)
{
    uint32_t number = find(set, id);
    if (number == 0 || set->items[number - 1].state != AWAITED) {
        return false;
    }
    await_no_more(set, &set->items[number - 1]);
    set->items[number - 1].state = READY;
    link_ready(set, number);
    return true;
}

bool
lode_idset_remove(struct lode_idset *set, lode_id id)
{
    uint32_t number = find(set, id);
    if (number == 0) {
        return false;
    }
    struct lode_idset_item *item = &set->items[number - 1];
    take_out(set, place_of(set, id, item->hash));
    if (item->state == READY) {
        unlink_ready(set, number);
    }
    await_no_more(set, item);
    item->state = FREE;
    item->next = set->free_first;
    set->free_first = number;
    set->count--;
    return true;
}

lode_id
lode_idset_take(struct lode_idset *set)
{
    LODE_ASSERT(set->ready_count > 0);
    lode_id id = set->items[set->ready_first - 1].id;
    (void)lode_idset_remove(set, id);
    return id;
}

lode_id
lode_idset_result(const struct lode_idset *set)
{
    LODE_ASSERT(set->result_count > 0);
    uint32_t i = 0;
    while (set->items[i].state != AWAITED || lode_id_kind(set->items[i].id) != LODE_ID_RESULT) {
        i++;
    }
    return set->items[i].id;
}

void
lode_idset_ready_results(struct lode_idset *set)
{
    for (uint32_t i = 0; set->result_count > 0; i++) {
        if (set->items[i].state == AWAITED && lode_id_kind(set->items[i].id) == LODE_ID_RESULT) {
            (void)lode_idset_ready(set, set->items[i].id);
        }
    }
}

void
lode_idset_clear(struct lode_idset *set)
{
    free(set->items);
    free(set->table);
    *set = (struct lode_idset){.hash_key = {set->hash_key[0], set->hash_key[1]}};
}
