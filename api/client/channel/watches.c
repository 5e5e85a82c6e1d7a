#include "api/client/channel/watches.h"

#include "api/base/assert.h"

#include <stdlib.h>

static uint64_t
bucket_count(const struct lode_watches *watches)
{
    return watches->buckets != NULL ? watches->bucket_count : LODE_WATCHES_FEW;
}

static struct lode_watch **
bucket_of(struct lode_watches *watches, uint64_t cookie)
{
    struct lode_watch **buckets = watches->buckets != NULL ? watches->buckets : watches->few;
    return &buckets[cookie & (bucket_count(watches) - 1)];
}

static void
link_to(struct lode_watch **bucket, struct lode_watch *watch)
{
    watch->previous = NULL;
    watch->next = *bucket;
    if (*bucket != NULL) {
        (*bucket)->previous = watch;
    }
    *bucket = watch;
}

static void
grow(struct lode_watches *watches)
{
    struct lode_watches old = *watches;
    uint64_t count = bucket_count(&old);
    struct lode_watch **buckets = calloc(2 * count, sizeof(struct lode_watch *));
    if (buckets == NULL) {
        return;
    }
    watches->buckets = buckets;
    watches->bucket_count = 2 * count;
    for (uint64_t i = 0; i < count; i++) {
        struct lode_watch *next, *watch = *bucket_of(&old, i);
        for (; watch != NULL; watch = next) {
            next = watch->next;
            link_to(bucket_of(watches, watch->cookie), watch);
        }
    }
    free(old.buckets);
}

void
lode_watches_add(struct lode_watches *watches, struct lode_watch *watch)
{
    if (watches->count >= bucket_count(watches)) {
        grow(watches);
    }
    watches->count++;
    link_to(bucket_of(watches, watch->cookie), watch);
}

void
lode_watches_remove(struct lode_watches *watches, struct lode_watch *watch)
{
    watches->count--;
    if (watch->previous != NULL) {
        watch->previous->next = watch->next;
    } else {
        *bucket_of(watches, watch->cookie) = watch->next;
    }
    if (watch->next != NULL) {
        watch->next->previous = watch->previous;
    }
}

struct lode_watch *
lode_watches_find(struct lode_watches *watches, uint64_t cookie)
{
    struct lode_watch *watch = *bucket_of(watches, cookie);
    watches->looked_at += watch != NULL;
    while (watch != NULL && watch->cookie != cookie) {
        watch = watch->next;
        watches->looked_at += watch != NULL;
    }
    return watch;
}

void
lode_watches_fini(struct lode_watches *watches)
{
    LODE_ASSERT(watches->count == 0);
    free(watches->buckets);
}
