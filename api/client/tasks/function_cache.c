#include "api/client/tasks/function_cache.h"

#include "api/base/fail.h"

#include <stdlib.h>
#include <string.h>
#include <xxhash.h>

enum { CACHE_SLOTS_FIRST = 32 };

/* The slot of the name, or the empty one where it would go. The table has an empty slot. */
static struct lode_known_function *
slot_of(const struct lode_function_cache *cache, const char *name, uint64_t hash)
{
    size_t i = hash & (cache->slot_count - 1);
    while (cache->slot[i].name != NULL &&
           (cache->slot[i].hash != hash || strcmp(cache->slot[i].name, name) != 0)) {
        i = (i + 1) & (cache->slot_count - 1);
    }
    return &cache->slot[i];
}

static uint64_t
hash_of(const char *name)
{
    return XXH3_64bits(name, strlen(name));
}

const struct lode_known_function *
lode_function_cache_find(const struct lode_function_cache *cache, const char *name)
{
    if (cache->slot_count == 0) {
        return NULL;
    }
    const struct lode_known_function *slot = slot_of(cache, name, hash_of(name));
    return slot->name != NULL && !slot->forgotten ? slot : NULL;
}

static lode_err
grow(struct lode_function_cache *cache)
{
    struct lode_function_cache grown = {
        .slot_count = cache->slot_count > 0 ? 2 * cache->slot_count : CACHE_SLOTS_FIRST,
        .used = cache->used,
        .times_forgotten = cache->times_forgotten,
    };
    grown.slot = calloc(grown.slot_count, sizeof *grown.slot);
    if (grown.slot == NULL) {
        return lode_fail_with(LODE_ENOMEM, "no room for the names of functions");
    }
    for (size_t i = 0; i < cache->slot_count; i++) {
        if (cache->slot[i].name != NULL) {
            *slot_of(&grown, cache->slot[i].name, cache->slot[i].hash) = cache->slot[i];
        }
    }
    free(cache->slot);
    *cache = grown;
    return LODE_OK;
}

lode_err
lode_function_cache_add(struct lode_function_cache *cache, const char *name, uint32_t number,
                        uint32_t results)
{
    uint64_t hash = hash_of(name);
    if (2 * (cache->used + 1) > cache->slot_count) {
        LODE_TRY(grow(cache));
    }
    struct lode_known_function *slot = slot_of(cache, name, hash);
    if (slot->name == NULL) {
        char *copy = strdup(name);
        if (copy == NULL) {
            return lode_fail_with(LODE_ENOMEM, "no room for the name of a function");
        }
        *slot = (struct lode_known_function){.name = copy, .hash = hash, .least_results = results};
        cache->used++;
    }
    slot->number = number;
    slot->results = results;
    if (results < slot->least_results) {
        slot->least_results = results;
    }
    slot->forgotten = false;
    return LODE_OK;
}

void
lode_function_cache_forget(struct lode_function_cache *cache)
{
    cache->times_forgotten++;
    for (size_t i = 0; i < cache->slot_count; i++) {
        cache->slot[i].forgotten = true;
    }
}

void
lode_function_cache_clear(struct lode_function_cache *cache)
{
    for (size_t i = 0; i < cache->slot_count; i++) {
        free(cache->slot[i].name);
    }
    free(cache->slot);
    *cache = (struct lode_function_cache){.times_forgotten = cache->times_forgotten + 1};
}
