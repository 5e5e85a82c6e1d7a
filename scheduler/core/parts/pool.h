/*
 * pool.h: things of one size, taken and given back in a few nanoseconds. Memory comes in chunks. A
 * chunk that is wholly free is kept for the next burst: to fault its pages in again would cost more
 * than all else that is done with a short task. core_pool_tidy() gives back what nobody has needed
 * since it was called last. So a burst leaves nothing behind for long.
 */
#ifndef LODE_SCHEDULER_CORE_POOL_H
#define LODE_SCHEDULER_CORE_POOL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/queue.h>

struct core_chunk;
TAILQ_HEAD(core_chunk_list, core_chunk);

struct core_pool {
    size_t item_size;
    size_t count;                /* items that are taken */
    struct core_chunk_list open; /* chunks with a free item; wholly free ones come last */
    size_t empty_chunks;
    size_t idle_chunks; /* the fewest empty ones since the last core_pool_tidy() */
};

enum {
    CORE_CHUNKS_FEW = 3, /* of 256 KiB; so many empty ones stay for ever */
    CORE_CHUNKS_MAX = 256,
    CORE_CHUNKS_AT_ONCE = 16
};

void core_pool_init(struct core_pool *pool, size_t item_size);
void core_pool_fini(struct core_pool *pool); /* all items must be back */

/* Not zeroed. Never NULL: out of memory ends the process. */
void *core_pool_take(struct core_pool *pool);
void core_pool_give(struct core_pool *pool, void *item);

/*
 * Gives empty chunks back that were empty all the time since it was called last, but for a few:
 * CORE_CHUNKS_AT_ONCE in one call, since each takes some 12 us. False: call it again for the rest.
 */
bool core_pool_tidy(struct core_pool *pool);

/*
 * Gives `block` back. NULL, for which there was no memory, ends the process: the core cannot give
 * half a step back. The objects stay; the supervisor starts another scheduler.
 */
void *core_need(void *block);

/*
 * How the process ends then: `end` does not return. The core itself says nothing. Without `end` the
 * process aborts. Called before there are threads.
 */
void core_on_no_memory(void (*end)(void));

/* malloc(), realloc() and strdup() through core_need(). */
void *core_alloc(size_t size_bytes);
void *core_realloc(void *old, size_t size_bytes);
char *core_copy_text(const char *text); /* NULL: NULL */

#endif
