/*
 * slab.h: small allocations, in lines of 64 bytes. There are size classes, four to a doubling. Each
 * class cuts its objects from runs of 64 KiB, which come warm from the page allocator. The bitmaps
 * are on the heap. For more than SLAB_OBJECT_MAX bytes whole pages waste less than a run would, so
 * the slab takes such sizes from the pages.
 *
 * A run that becomes empty goes back to the pages. One empty run of each class is kept until
 * slab_trim(): otherwise a put and a drop in turn would cost a run each.
 *
 * Spending credit: an allocation that spends takes slab_pages_of(size) out of the pages' reserve in
 * any case. It uses a slot if a run has one, or if a run can be had without touching what is still
 * reserved. Otherwise it uses whole pages from the reserve. So it cannot fail, however the free
 * pages are scattered.
 *
 * Offsets are bytes in the segment. Threads: one. Blocking: never. Time: O(1), a new run O(log n).
 */
#ifndef LODE_STORE_ALLOC_SLAB_H
#define LODE_STORE_ALLOC_SLAB_H

#include "store/alloc/pages.h"

enum {
    SLAB_RUN_PAGES = 16,
    SLAB_OBJECT_MAX = 16 << 10,
    SLAB_SIZE_MAX = (32 << 10) + 64 /* what an allocation that spends credit may ask for */
};

struct slab;

/* The pages must outlive the slab. Errors: LODE_ENOMEM. */
LODE_MUST_CHECK lode_err slab_create(struct pages *pages, uint64_t page_count,
                                     struct slab **slab_out);
void slab_destroy(struct slab *slab);

/*
 * Room for `size` bytes (1 .. SLAB_SIZE_MAX), aligned to 64, warm.
 *
 *   spend     takes slab_pages_of(size) from the reserve, which must hold so many; cannot fail
 *
 * Errors  LODE_EFULL (without a sentence); never with `spend`
 */
LODE_MUST_CHECK lode_err slab_allocate(struct slab *slab, uint64_t size, bool spend,
                                       uint64_t *offset_out);

/* The same, but only a slot of a run that there is. Errors: LODE_EFULL (without a sentence). */
LODE_MUST_CHECK lode_err slab_allocate_slot(struct slab *slab, uint64_t size, uint64_t *offset_out);

/* Gives back what slab_allocate() gave, run or whole pages; size as it was asked for. */
void slab_free(struct slab *slab, uint64_t offset, uint64_t size);

/* Fetches what slab_free() of that offset will read. A hint: nothing depends on it. */
void slab_prefetch(const struct slab *slab, uint64_t offset);

/* Gives the kept empty runs back to the pages; how many pages that were. */
uint64_t slab_trim(struct slab *slab);

/* Whole pages of an object of so many bytes; at least one. */
static inline uint64_t
slab_pages_of(uint64_t size)
{
    return size == 0 ? 1 : (size - 1) / 4096 + 1;
}

struct slab_stats {
    uint64_t runs;
    uint64_t objects, object_bytes; /* in runs; bytes of their slots */
};
void slab_stats(const struct slab *slab, struct slab_stats *stats_out);

bool slab_check(const struct slab *slab);

#endif
