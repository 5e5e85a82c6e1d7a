#include "store/alloc/granules.h"

#include "api/base/assert.h"
#include "store/alloc/lazy.h"

static uint64_t
words_of(const struct granules *granules)
{
    return granules->count / 64 + 1;
}

lode_err
granules_init(struct granules *granules, uint64_t page_count, uint64_t granule_pages)
{
    LODE_ASSERT(granule_pages > 0 && (granule_pages & (granule_pages - 1)) == 0);
    *granules = (struct granules){.pages = page_count,
                                  .count = (page_count + granule_pages - 1) / granule_pages,
                                  .shift = (uint32_t)__builtin_ctzll(granule_pages)};
    return lazy_map(words_of(granules), sizeof *granules->bits, (void **)&granules->bits);
}

void
granules_fini(struct granules *granules)
{
    lazy_unmap(granules->bits, words_of(granules), sizeof *granules->bits);
}

uint64_t
granules_same_until(const struct granules *granules, uint64_t page, uint64_t end)
{
    bool warm = granules_are_warm_at(granules, page);
    do {
        page = granules_round_down(granules, page) + (UINT64_C(1) << granules->shift);
    } while (page < end && granules_are_warm_at(granules, page) == warm);
    return page < end ? page : end;
}

bool
granules_next_cold(const struct granules *granules, uint64_t page, uint64_t end, uint64_t *from_out,
                   uint64_t *to_out)
{
    uint64_t limit = granules_round_up(granules, end), from = granules_round_down(granules, page);
    if (from < limit && granules_are_warm_at(granules, from)) {
        from = granules_same_until(granules, from, limit);
    }
    if (from >= limit) {
        return false;
    }
    *from_out = from;
    *to_out = granules_same_until(granules, from, limit);
    return true;
}

void
granules_warm(struct granules *granules, uint64_t from, uint64_t to)
{
    for (uint64_t page = from; page < to; page += UINT64_C(1) << granules->shift) {
        uint64_t granule = page >> granules->shift;
        granules->bits[granule / 64] |= UINT64_C(1) << granule % 64;
    }
    granules->warm += to - from;
}
