/* pool.c: chunks are aligned to their size, so that an item finds its chunk by its address. */
#include "scheduler/core/parts/pool.h"

#include "api/base/assert.h"

#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

enum { CHUNK_BYTES = 256 << 10 };

struct core_chunk {
    _Alignas(64) TAILQ_ENTRY(core_chunk) link; /* while it has a free item */
    size_t used;
    size_t fresh; /* items that were never taken begin here */
    void *free;   /* given back; each begins with a pointer to the next */
};

static void (*end_process)(void);

void
core_on_no_memory(void (*end)(void))
{
    end_process = end;
}

void *
core_need(void *block)
{
    if (block == NULL && end_process != NULL) {
        end_process();
    }
    LODE_ASSERT(block != NULL);
    return block;
}

void *
core_alloc(size_t size_bytes)
{
    return core_need(malloc(size_bytes ? size_bytes : 1));
}

void *
core_realloc(void *old, size_t size_bytes)
{
    return core_need(realloc(old, size_bytes));
}

char *
core_copy_text(const char *text)
{
    size_t size = text != NULL ? strlen(text) + 1 : 0;
    return size > 0 ? memcpy(core_alloc(size), text, size) : NULL;
}

void
core_pool_init(struct core_pool *pool, size_t item_size)
{
    *pool = (struct core_pool){.item_size = (item_size + 15) & ~(size_t)15};
    TAILQ_INIT(&pool->open);
}

#ifdef __SANITIZE_ADDRESS__

/* So that the sanitizer sees each item's life. */
void
core_pool_fini(struct core_pool *pool)
{
    LODE_ASSERT(pool->count == 0);
}

void *
core_pool_take(struct core_pool *pool)
{
    pool->count++;
    return core_alloc(pool->item_size);
}

void
core_pool_give(struct core_pool *pool, void *item)
{
    pool->count--;
    free(item);
}

bool
core_pool_tidy(struct core_pool *pool)
{
    (void)pool;
    return true;
}

#else

static size_t
items_per_chunk(const struct core_pool *pool)
{
    return (CHUNK_BYTES - sizeof(struct core_chunk)) / pool->item_size;
}

static struct core_chunk *
chunk_of(void *item)
{
    return (struct core_chunk *)((uintptr_t)item & ~(uintptr_t)(CHUNK_BYTES - 1));
}

static void
chunk_map(struct core_pool *pool)
{
    char *p =
        mmap(NULL, 2 * CHUNK_BYTES, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    p = core_need(p != MAP_FAILED ? p : NULL);
    char *start = (char *)(((uintptr_t)p + CHUNK_BYTES - 1) & ~(uintptr_t)(CHUNK_BYTES - 1));
    if (start > p) {
        munmap(p, (size_t)(start - p));
    }
    if (start < p + CHUNK_BYTES) {
        munmap(start + CHUNK_BYTES, (size_t)(p + CHUNK_BYTES - start));
    }
    struct core_chunk *chunk = (struct core_chunk *)start;
    TAILQ_INSERT_HEAD(&pool->open, chunk, link);
    pool->empty_chunks++;
}

void *
core_pool_take(struct core_pool *pool)
{
    if (TAILQ_EMPTY(&pool->open)) {
        chunk_map(pool);
    }
    struct core_chunk *chunk = TAILQ_FIRST(&pool->open);
    if (chunk->used == 0) {
        pool->empty_chunks--;
        pool->idle_chunks -= pool->idle_chunks > pool->empty_chunks;
    }
    void *item = chunk->free;
    if (item != NULL) {
        chunk->free = *(void **)item;
    } else {
        item = (char *)(chunk + 1) + chunk->fresh++ * pool->item_size;
    }
    if (++chunk->used == items_per_chunk(pool)) {
        TAILQ_REMOVE(&pool->open, chunk, link);
    }
    pool->count++;
    return item;
}

void
core_pool_give(struct core_pool *pool, void *item)
{
    struct core_chunk *chunk = chunk_of(item);
    if (chunk->used == items_per_chunk(pool)) {
        TAILQ_INSERT_HEAD(&pool->open, chunk, link);
    }
    *(void **)item = chunk->free;
    chunk->free = item;
    pool->count--;
    if (--chunk->used > 0) {
        return;
    }
    TAILQ_REMOVE(&pool->open, chunk, link);
    if (pool->empty_chunks >= CORE_CHUNKS_MAX) {
        munmap(chunk, CHUNK_BYTES);
        return;
    }
    chunk->free = NULL; /* the next ones come in the order of their addresses again */
    chunk->fresh = 0;
    TAILQ_INSERT_TAIL(&pool->open, chunk, link);
    pool->empty_chunks++;
}

bool
core_pool_tidy(struct core_pool *pool)
{
    for (int given = 0; pool->idle_chunks > CORE_CHUNKS_FEW; pool->idle_chunks--) {
        if (given++ == CORE_CHUNKS_AT_ONCE) {
            return false;
        }
        struct core_chunk *chunk = TAILQ_LAST(&pool->open, core_chunk_list);
        LODE_ASSERT(chunk->used == 0);
        TAILQ_REMOVE(&pool->open, chunk, link);
        munmap(chunk, CHUNK_BYTES);
        pool->empty_chunks--;
    }
    pool->idle_chunks = pool->empty_chunks;
    return true;
}

void
core_pool_fini(struct core_pool *pool)
{
    LODE_ASSERT(pool->count == 0);
    struct core_chunk *chunk;
    while ((chunk = TAILQ_FIRST(&pool->open)) != NULL) {
        TAILQ_REMOVE(&pool->open, chunk, link);
        munmap(chunk, CHUNK_BYTES);
    }
}

#endif
