/*
 * function_cache.h: what the scheduler said of functions: "library.function" to its number and how
 * many results it has, so that a name is asked for once in a session. A name that is forgotten is
 * asked for again; how many results it had at first is remembered, because callers have room for
 * those.
 *
 * Ownership  the cache holds copies of the names
 * Threads    locking is the caller's (task_client.h: tasks.mu); nothing blocks
 */
#ifndef LODE_CLIENT_FUNCTION_CACHE_H
#define LODE_CLIENT_FUNCTION_CACHE_H

#include <lode/error.h>
#include <stdbool.h>

struct lode_known_function {
    char *name;
    uint64_t hash;
    uint32_t number;
    uint32_t results;       /* ids that a call gives: at least 1 */
    uint32_t least_results; /* the fewest that the session was ever told: its callers have room */
    bool forgotten;
};

/* An open-addressing table, at most half full; a zeroed one is empty. */
struct lode_function_cache {
    struct lode_known_function *slot;
    size_t slot_count; /* a power of two, or 0 */
    size_t used;
    uint64_t times_forgotten;
};

/* NULL: not known, or forgotten. Valid until the cache is changed. */
const struct lode_known_function *lode_function_cache_find(const struct lode_function_cache *cache,
                                                           const char *name);

/* Adds a name, or changes what it stands for. Errors: LODE_ENOMEM, nothing has changed. */
LODE_MUST_CHECK lode_err lode_function_cache_add(struct lode_function_cache *cache,
                                                 const char *name, uint32_t number,
                                                 uint32_t results);

/* From now on no name is known, until it is added again. */
void lode_function_cache_forget(struct lode_function_cache *cache);

/* Forgets all names and what they once were, and frees what the cache holds. */
void lode_function_cache_clear(struct lode_function_cache *cache);

#endif
