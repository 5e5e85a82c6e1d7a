#include "store/alloc/arena.h"

#include "api/base/assert.h"
#include "api/base/fail.h"
#include "store/alloc/capacity.h"
#include "store/alloc/warmer.h"
#include "store/alloc/pages.h"
#include "store/alloc/segment.h"
#include "store/alloc/slab.h"

#include <stdlib.h>

/* The unit of warming: that of a huge page, less in small stores. */
#define GRANULE_MAX (UINT64_C(2) << 20)

/* So much warm room is kept ahead of need: 16 MiB, less in small stores. */
#define AHEAD_MAX (UINT64_C(16) << 20)

/* What is warm before the store serves: enough for the first sessions' credit. */
#define FIRST_MAX (UINT64_C(2) << 20)

/* There is one segment today. Other numbers are refused: extents may name more segments one day. */
struct arena {
    const char *dir;
    struct segment segment;
    struct pages *pages;
    struct slab *slab;
    struct warmer *warmer;
};

static uint64_t
granule_pages(uint64_t capacity_bytes)
{
    uint64_t pages = GRANULE_MAX / LODE_PAGE;
    while (pages > 1 && pages * LODE_PAGE * 16 > capacity_bytes) {
        pages /= 2;
    }
    return pages;
}

static uint64_t
ahead_pages(uint64_t capacity_bytes)
{
    uint64_t bytes = capacity_bytes / 8 < AHEAD_MAX ? capacity_bytes / 8 : AHEAD_MAX;
    return bytes / LODE_PAGE;
}

/* Warms a little before the store serves: a store that cannot have even that must not start. */
static lode_err
warm_first(struct arena *arena, uint64_t granule)
{
    uint64_t total = arena->segment.bytes / LODE_PAGE;
    uint64_t count = (total / 4 < FIRST_MAX / LODE_PAGE ? total / 4 : FIRST_MAX / LODE_PAGE);
    count = (count + granule - 1) / granule * granule;
    count = count < total ? count : total;
    LODE_TRY(segment_warm(&arena->segment, 0, count * LODE_PAGE));
    pages_warm(arena->pages, 0, count);
    return LODE_OK;
}

lode_err
arena_open(const struct arena_options *options, struct arena **arena_out)
{
    uint64_t bytes;
    lode_err err;
    LODE_TRY(capacity_choose(options->dir, options->capacity_bytes, &bytes));
    struct arena *arena = calloc(1, sizeof *arena);
    if (arena == NULL) {
        return lode_fail_with(LODE_ENOMEM, "no memory for the arena");
    }
    arena->dir = options->dir;
    err = segment_create(options->dir, 0, bytes, &arena->segment);
    if (err != LODE_OK) {
        goto free_arena;
    }
    err = pages_create(bytes / LODE_PAGE, granule_pages(bytes), &arena->pages);
    if (err != LODE_OK) {
        goto destroy_segment;
    }
    err = slab_create(arena->pages, bytes / LODE_PAGE, &arena->slab);
    if (err != LODE_OK) {
        goto destroy_pages;
    }
    err = warmer_create(&arena->segment, arena->pages, options->helper, ahead_pages(bytes),
                        &arena->warmer);
    if (err != LODE_OK) {
        goto destroy_slab;
    }
    err = warm_first(arena, granule_pages(bytes));
    if (err != LODE_OK) {
        goto destroy_warmer;
    }
    *arena_out = arena;
    return LODE_OK;

destroy_warmer:
    warmer_destroy(arena->warmer);
destroy_slab:
    slab_destroy(arena->slab);
destroy_pages:
    pages_destroy(arena->pages);
destroy_segment:
    segment_destroy(&arena->segment, options->dir);
free_arena:
    free(arena);
    return err;
}

void
arena_close(struct arena *arena, bool remove)
{
    if (arena == NULL) {
        return;
    }
    warmer_destroy(arena->warmer);
    slab_destroy(arena->slab);
    pages_destroy(arena->pages);
    segment_destroy(&arena->segment, remove ? arena->dir : NULL);
    free(arena);
}

static lode_err
say_full(const struct arena *arena, uint64_t size)
{
    struct pages_stats stats;
    struct slab_stats slab;
    pages_stats(arena->pages, &stats);
    slab_stats(arena->slab, &slab);
    return lode_fail_with(
        LODE_EFULL,
        "no room for %llu bytes: %llu of %llu are free (%llu of them set aside "
        "for small puts), and %llu can be had in one piece; pages of small objects have "
        "%llu bytes more, which only other small objects can use",
        (unsigned long long)size, (unsigned long long)stats.free * LODE_PAGE,
        (unsigned long long)arena->segment.bytes, (unsigned long long)stats.reserved * LODE_PAGE,
        (unsigned long long)stats.obtainable * LODE_PAGE,
        (unsigned long long)(slab.runs * SLAB_RUN_PAGES * LODE_PAGE - slab.object_bytes));
}

/*
 * Allocates whole pages, warm or cold. If there are none, the empty runs that slabs keep are freed.
 */
static lode_err
allocate_pages(struct arena *arena, uint64_t size, uint64_t *offset_out)
{
    uint64_t page, count = slab_pages_of(size);
    lode_err err = pages_allocate(arena->pages, count, PAGES_ANY, &page);
    if (err != LODE_OK && slab_trim(arena->slab) > 0) {
        err = pages_allocate(arena->pages, count, PAGES_ANY, &page);
    }
    if (err != LODE_OK) {
        return say_full(arena, size);
    }
    *offset_out = page * LODE_PAGE;
    return LODE_OK;
}

lode_err
arena_check_fits(const struct arena *arena, uint64_t size, uint64_t kept_pages)
{
    uint64_t kept = kept_pages > 0 ? kept_pages + PAGES_SPEND_MAX - 1 : 0;
    if (size > arena->segment.bytes || /* arena_allocate() says so */
        slab_pages_of(size) + kept <= arena->segment.bytes / LODE_PAGE) {
        return LODE_OK;
    }
    return lode_fail_with(LODE_ETOOBIG,
                          "%llu bytes will never fit: of the store's %llu bytes %llu are kept for "
                          "small puts and for what the store makes itself: split the object, or "
                          "start the store with a larger capacity",
                          (unsigned long long)size, (unsigned long long)arena->segment.bytes,
                          (unsigned long long)(kept * LODE_PAGE));
}

static lode_err
check_spend(const struct arena *arena, uint64_t size, enum arena_kind kind)
{
    struct pages_stats stats;
    pages_counts(arena->pages, &stats);
    if (kind != ARENA_SMALL || size > SLAB_SIZE_MAX || slab_pages_of(size) > stats.reserved) {
        return lode_fail_with(
            LODE_EINVAL,
            "%llu bytes cannot be put on credit: at most %u bytes, and %llu pages "
            "are set aside",
            (unsigned long long)size, SLAB_SIZE_MAX, (unsigned long long)stats.reserved);
    }
    return LODE_OK;
}

lode_err
arena_allocate(struct arena *arena, uint64_t size, enum arena_kind kind, bool spend_credit,
               struct arena_room *room_out)
{
    uint64_t offset, need = size > 0 ? size : 1;
    if (need > arena->segment.bytes) {
        return lode_fail_with(LODE_ETOOBIG,
                              "%llu bytes are more than the whole store has (%llu): split the "
                              "object, or start the store with a larger capacity",
                              (unsigned long long)size, (unsigned long long)arena->segment.bytes);
    }
    if (spend_credit) {
        LODE_TRY(check_spend(arena, need, kind));
    }
    bool slab = kind == ARENA_SMALL && need <= SLAB_SIZE_MAX;
    if (kind == ARENA_SLOT) {
        if (need > SLAB_SIZE_MAX || slab_allocate_slot(arena->slab, need, &offset) != LODE_OK) {
            return say_full(arena, need);
        }
    } else if (!slab || slab_allocate(arena->slab, need, spend_credit, &offset) != LODE_OK) {
        LODE_ASSERT(!spend_credit);
        LODE_TRY(allocate_pages(arena, need, &offset));
    }
    warmer_look_ahead(arena->warmer);
    *room_out = (struct arena_room){
        .extent = lode_extent_make(arena->segment.number, offset),
        .is_cold = !pages_are_warm(arena->pages, offset / LODE_PAGE, slab_pages_of(need))};
    return LODE_OK;
}

static uint64_t
offset_of(const struct arena *arena, uint64_t extent)
{
    LODE_ASSERT(lode_extent_segment(extent) == arena->segment.number);
    LODE_ASSERT(lode_extent_offset(extent) < arena->segment.bytes);
    return lode_extent_offset(extent);
}

void
arena_free(struct arena *arena, uint64_t extent, uint64_t size)
{
    slab_free(arena->slab, offset_of(arena, extent), size > 0 ? size : 1);
}

void
arena_prefetch(const struct arena *arena, uint64_t extent)
{
    slab_prefetch(arena->slab, offset_of(arena, extent));
}

lode_err
arena_warm(struct arena *arena, uint64_t extent, uint64_t size, arena_warmed_fn *done, void *owner,
           uint64_t token)
{
    return warmer_request(arena->warmer, offset_of(arena, extent) / LODE_PAGE, slab_pages_of(size),
                          done, owner, token);
}

bool
arena_credit_reserve(struct arena *arena, uint64_t page_count)
{
    lode_err err = pages_reserve(arena->pages, page_count);
    if (err != LODE_OK && slab_trim(arena->slab) > 0) {
        err = pages_reserve(arena->pages, page_count);
    }
    warmer_look_ahead(arena->warmer);
    return err == LODE_OK;
}

void
arena_credit_give_back(struct arena *arena, uint64_t page_count)
{
    pages_unreserve(arena->pages, page_count);
}

uint64_t
arena_free_pages(const struct arena *arena)
{
    struct pages_stats stats;
    pages_counts(arena->pages, &stats);
    return stats.free - stats.reserved;
}

uint64_t
arena_longest_pages(const struct arena *arena)
{
    return pages_longest(arena->pages);
}

void
arena_on_room(struct arena *arena, arena_room_fn *on_room, void *owner)
{
    warmer_on_room(arena->warmer, on_room, owner);
}

void *
arena_address(const struct arena *arena, uint64_t extent)
{
    return arena->segment.base + offset_of(arena, extent);
}

uint32_t
arena_segment_count(const struct arena *arena)
{
    return arena->segment.number + 1;
}

lode_err
arena_segment(const struct arena *arena, uint32_t number, uint64_t *bytes_out, int *read_fd_out,
              int *write_fd_out)
{
    if (number != arena->segment.number) {
        return lode_fail_with(LODE_EINVAL, "there is no segment %u", number);
    }
    *bytes_out = arena->segment.bytes;
    *read_fd_out = arena->segment.read_fd;
    *write_fd_out = arena->segment.fd;
    return LODE_OK;
}

void
arena_stats(struct arena *arena, struct arena_stats *stats_out)
{
    struct pages_stats pages;
    struct slab_stats slab;
    (void)slab_trim(arena->slab);
    pages_stats(arena->pages, &pages);
    slab_stats(arena->slab, &slab);
    *stats_out = (struct arena_stats){.capacity_bytes = arena->segment.bytes,
                                      .used_bytes = (pages.total - pages.free) * LODE_PAGE,
                                      .free_bytes = pages.free * LODE_PAGE,
                                      .committed_bytes = pages.warm * LODE_PAGE,
                                      .largest_free_bytes = pages.obtainable * LODE_PAGE,
                                      .credit_bytes = pages.reserved * LODE_PAGE,
                                      .small_objects = slab.objects};
}

bool
arena_check(const struct arena *arena)
{
    struct pages_stats stats;
    pages_counts(arena->pages, &stats);
    return pages_check(arena->pages) && slab_check(arena->slab) &&
           stats.total * LODE_PAGE == arena->segment.bytes;
}
