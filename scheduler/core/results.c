/*
 * results.c: the table of objects that live tasks will make, and who waits for them.
 *
 * Result ids of one session are consecutive, so eight neighbours share a cache line of buckets.
 */
#include "scheduler/core/state.h"

enum { BUCKETS_MIN = 1024 };

static size_t
bucket_of(const struct core_results *results, lode_id id)
{
    uint64_t low = lode_id_low(id);
    uint64_t x = (lode_id_high(id) ^ (low >> 3)) * UINT64_C(0x9e3779b97f4a7c15);
    return (size_t)((x >> 20) << 3 | (low & 7)) & results->mask;
}

void
core_results_init(struct core_results *results)
{
    results->mask = BUCKETS_MIN - 1;
    results->count = 0;
    results->bucket = calloc(BUCKETS_MIN, sizeof *results->bucket);
    LODE_ASSERT(results->bucket != NULL);
    core_pool_init(&results->pool, sizeof(struct core_result));
    core_pool_init(&results->deps, sizeof(struct core_dep));
}

void
core_results_fini(struct core_results *results)
{
    free(results->bucket);
    core_pool_fini(&results->pool);
    core_pool_fini(&results->deps);
}

static void
resize(struct core_results *results, size_t buckets)
{
    struct core_result **old = results->bucket;
    size_t old_count = results->mask + 1;
    results->bucket = calloc(buckets, sizeof *results->bucket);
    LODE_ASSERT(results->bucket != NULL);
    results->mask = buckets - 1;
    for (size_t i = 0; i < old_count; i++) {
        struct core_result *next;
        for (struct core_result *r = old[i]; r != NULL; r = next) {
            next = r->next_in_bucket;
            struct core_result **head = &results->bucket[bucket_of(results, r->id)];
            r->next_in_bucket = *head;
            *head = r;
        }
    }
    free(old);
}

struct core_result *
core_result_find(struct core_results *results, lode_id id)
{
    struct core_result *r = results->bucket[bucket_of(results, id)];
    while (r != NULL && !lode_id_same(r->id, id)) {
        r = r->next_in_bucket;
    }
    return r;
}

void
core_result_add(struct core_results *results, struct core_task *task, lode_id id)
{
    if (results->count > results->mask) {
        resize(results, 2 * (results->mask + 1));
    }
    struct core_result *r = core_pool_take(&results->pool);
    struct core_result **head = &results->bucket[bucket_of(results, id)];
    *r = (struct core_result){
        .id = id, .next_in_bucket = *head, .sibling = task->made, .task = task};
    *head = r;
    task->made = r;
    results->count++;
}

static void
remove_one(struct core_results *results, struct core_result *result)
{
    struct core_result **at = &results->bucket[bucket_of(results, result->id)];
    while (*at != result) {
        at = &(*at)->next_in_bucket;
    }
    *at = result->next_in_bucket;
    LODE_ASSERT(LIST_EMPTY(&result->waiters));
    core_pool_give(&results->pool, result);
    results->count--;
}

void
core_results_remove(struct core_results *results, struct core_task *task)
{
    while (task->made != NULL) {
        struct core_result *r = task->made;
        task->made = r->sibling;
        remove_one(results, r);
    }
    if (results->mask >= 4 * BUCKETS_MIN && results->count < results->mask / 16) {
        resize(results, (results->mask + 1) / 4);
    }
}

void
core_dep_add(struct core_results *results, struct core_task *task, struct core_result *result,
             uint32_t arg_offset)
{
    struct core_dep *dep = core_pool_take(&results->deps);
    *dep = (struct core_dep){
        .next = task->deps, .task = task, .result = result, .arg_offset = arg_offset};
    LIST_INSERT_HEAD(&result->waiters, dep, of_result);
    task->deps = dep;
}

void
core_deps_remove(struct core_results *results, struct core_task *task)
{
    while (task->deps != NULL) {
        struct core_dep *dep = task->deps;
        task->deps = dep->next;
        LIST_REMOVE(dep, of_result);
        core_pool_give(&results->deps, dep);
    }
}
