/*
 * idset.h: the ids of a wait set, by id: which of them are awaited, and which are ready, in the
 * order in which they became so. Threads: one at a time.
 *
 *   (none) --add--> AWAITED --ready--> READY --take--> (none)
 *                      +----remove----------+--------> (none)
 */
#ifndef LODE_CLIENT_IDSET_H
#define LODE_CLIENT_IDSET_H

#include <lode/object.h>
#include <stddef.h>
#include <stdint.h>

struct lode_idset_item;

/* Zeroed, but for the key: an empty set, which has no memory yet. */
struct lode_idset {
    uint64_t hash_key[2];
    struct lode_idset_item *items;
    uint32_t room, begun, free_first; /* + 1 */
    uint32_t *table;                  /* by hash: item + 1; twice as many places as items */
    uint32_t ready_first, ready_last; /* + 1 */
    uint32_t count, ready_count;
    uint32_t result_count; /* of those awaited, results of tasks */
};

/* Sees to it that `count` more ids need no memory. Errors: LODE_ENOMEM. */
LODE_MUST_CHECK lode_err lode_idset_reserve(struct lode_idset *set, uint32_t count);

/* False: it is in the set. There is memory for it. */
bool lode_idset_add(struct lode_idset *set, lode_id id);

/* An awaited one is ready. False: it is not awaited. */
bool lode_idset_ready(struct lode_idset *set, lode_id id);

/* Takes an id out. False: it was not in the set. */
bool lode_idset_remove(struct lode_idset *set, lode_id id);

/* Takes out the one that was ready first. There is one. */
lode_id lode_idset_take(struct lode_idset *set);

/* One of the awaited ones that are results of tasks; there is one. */
lode_id lode_idset_result(const struct lode_idset *set);

/* All awaited ones that are results of tasks are ready: none of them will come. */
void lode_idset_ready_results(struct lode_idset *set);

void lode_idset_clear(struct lode_idset *set);

#endif
