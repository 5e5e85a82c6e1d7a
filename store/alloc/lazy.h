/*
 * lazy.h: arrays that are as long as they could ever need to be, and cost only what is touched:
 * anonymous zeroed pages. So nothing in the allocator's later life can fail for lack of memory.
 * Threads: any. Blocking: never.
 */
#ifndef LODE_STORE_ALLOC_LAZY_H
#define LODE_STORE_ALLOC_LAZY_H

#include <lode/error.h>

/* Errors: LODE_ENOMEM no address space. */
LODE_MUST_CHECK lode_err lazy_map(size_t count, size_t size, void **array_out);

/* The same numbers again. NULL is legal. */
void lazy_unmap(void *array, size_t count, size_t size);

#endif
