#include "store/table/object.h"

#include "api/base/assert.h"
#include "api/base/fail.h"

#include <string.h>

enum { SPARE_PAGES = 16, SPARE_ENTRIES = 1024 /* the results of one task */ };

/* ---- checks ---- */

static uint64_t
item_bytes(uint32_t dtype)
{
    uint64_t bits = (uint64_t)(dtype >> 8 & 0xff) * (dtype >> 16);
    return (bits + 7) / 8;
}

/* Bytes from the first element to the last; false: they do not fit 62 bits. */
static bool
array_bytes(const struct object_desc *desc, uint64_t item, uint64_t *bytes_out)
{
    uint64_t bytes = item, product = item;
    for (int i = 0; i < desc->ndim; i++) {
        if (desc->shape[i] == 0) {
            *bytes_out = 0;
            return true;
        }
    }
    for (int i = 0; i < desc->ndim; i++) {
        uint64_t steps = (uint64_t)desc->shape[i] - 1, step = (uint64_t)desc->strides[i], way;
        if (desc->flags & LODE_ENTRY_STRIDED) {
            if (__builtin_mul_overflow(steps, step, &way) ||
                __builtin_mul_overflow(way, item, &way) ||
                __builtin_add_overflow(bytes, way, &bytes)) {
                return false;
            }
        } else if (__builtin_mul_overflow(product, (uint64_t)desc->shape[i], &product)) {
            return false;
        }
    }
    bytes = desc->flags & LODE_ENTRY_STRIDED ? bytes : product;
    *bytes_out = bytes;
    return bytes < UINT64_C(1) << 62;
}

static lode_err
check_array(const struct object_desc *desc)
{
    uint64_t bytes = 0, item = item_bytes(desc->dtype);
    if (item == 0) {
        return lode_fail_with(LODE_EINVAL, "0x%x is no element type", desc->dtype);
    }
    for (int i = 0; i < desc->ndim; i++) {
        if (desc->shape[i] < 0 || ((desc->flags & LODE_ENTRY_STRIDED) && desc->strides[i] < 0)) {
            return lode_fail_with(LODE_EINVAL, "axis %d has a negative length or stride", i);
        }
    }
    if (!array_bytes(desc, item, &bytes) || bytes != desc->size) {
        return lode_fail_with(LODE_EINVAL,
                              "the array's shape takes %llu bytes, but the object has %llu",
                              (unsigned long long)bytes, (unsigned long long)desc->size);
    }
    return LODE_OK;
}

lode_err
object_check(const struct object_desc *desc)
{
    if (desc->kind > LODE_KIND_PYTHON || desc->object_class > LODE_CLASS_CACHE) {
        return lode_fail_with(LODE_EINVAL, "kind %u or class %u of an object is unknown",
                              desc->kind, desc->object_class);
    }
    if (desc->ndim > LODE_MAX_NDIM || (desc->flags & ~LODE_ENTRY_STRIDED) != 0 ||
        (desc->ndim == 0 && desc->flags != 0)) {
        return lode_fail_with(LODE_EINVAL, "%u axes (at most %d) with flags 0x%x", desc->ndim,
                              LODE_MAX_NDIM, desc->flags);
    }
    if (desc->size >= UINT64_C(1) << 62) {
        return lode_fail_with(LODE_ETOOBIG, "an object of %llu bytes: no store is that large",
                              (unsigned long long)desc->size);
    }
    if (desc->kind == LODE_KIND_ARRAY) {
        return check_array(desc);
    }
    if (desc->ndim != 0 || desc->flags != 0) {
        return lode_fail_with(LODE_EINVAL, "only an array has axes; this object is of kind %u",
                              desc->kind);
    }
    return LODE_OK;
}

/* ---- description and bytes ---- */

void
object_describe(struct table *table, uint32_t entry, const struct object_desc *desc,
                uint64_t extent, uint64_t stored, uint32_t row)
{
    struct lode_entry *at = &table->entries[entry];
    struct truth_entry *truth = &table->truths[entry];
    at->extent = extent;
    at->size = desc->size;
    at->dtype = desc->dtype;
    at->kind = desc->kind;
    at->object_class = desc->object_class;
    at->ndim = desc->ndim;
    at->flags = desc->flags;
    atomic_store_explicit(&at->binding, 0, memory_order_relaxed);
    at->created_ns = (uint64_t)table->now_ns;
    if (desc->ndim > 0) {
        memcpy(at->u.shape, desc->shape, sizeof at->u.shape);
    }
    truth->stored = stored;
    truth->maker_row = row;
    truth->maker_session = table->truth_rows[row].session;
}

void
object_write_strides(struct table *table, uint32_t entry, const int64_t *strides)
{
    const struct lode_entry *at = &table->entries[entry];
    if (at->flags & LODE_ENTRY_STRIDED) {
        memcpy(arena_address(table->arena, at->extent), strides, LODE_MAX_NDIM * sizeof *strides);
    }
}

uint8_t *
object_data(const struct table *table, uint32_t entry)
{
    struct lode_entry *at = &table->entries[entry];
    if (at->extent == LODE_EXTENT_INLINE) {
        return at->u.bytes;
    }
    uint8_t *base = arena_address(table->arena, at->extent);
    return at->flags & LODE_ENTRY_STRIDED ? base + LODE_MAX_NDIM * sizeof(int64_t) : base;
}

/* ---- room ---- */

static void
refill_spare_pages(struct table *table)
{
    while (table->spare_pages < SPARE_PAGES && arena_credit_reserve(table->arena, 1)) {
        table->spare_pages++;
    }
}

void
object_refill_spare(struct table *table)
{
    refill_spare_pages(table);
    table->spare_entries += table_reserve_some(table, SPARE_ENTRIES - table->spare_entries);
}

void
object_spend_spare(struct table *table)
{
    table_unreserve(table, table->spare_entries);
    table->spare_entries = 0;
}

lode_err
object_room_now(struct table *table, uint64_t size, uint64_t *extent_out)
{
    struct arena_room room;
    uint64_t pages = size == 0 ? 1 : (size + LODE_PAGE - 1) / LODE_PAGE;
    lode_err err = arena_allocate(table->arena, size, ARENA_SMALL, false, &room);
    if (err == LODE_OK && !room.is_cold) {
        *extent_out = room.extent;
        return LODE_OK;
    }
    if (err == LODE_OK) {
        arena_free(table->arena, room.extent, size);
    }
    if (pages > table->spare_pages) {
        return err != LODE_OK ? err
                              : lode_fail_with(LODE_EFULL, "no memory at this moment: try again");
    }
    LODE_TRY(arena_allocate(table->arena, size, ARENA_SMALL, true, &room));
    table->spare_pages -= (uint32_t)pages;
    /* Not the entries: if they were spent, the caller is about to take them. */
    refill_spare_pages(table);
    *extent_out = room.extent;
    return LODE_OK;
}

/* ---- the end ---- */

void
object_prefetch(const struct table *table, uint32_t entry)
{
    __builtin_prefetch(&table->entries[entry], 1);
    __builtin_prefetch(&table->truths[entry], 1);
}

void
object_prefetch_neighbours(const struct table *table, uint32_t entry)
{
    const struct lode_entry *at = &table->entries[entry];
    const struct truth_entry *truth = &table->truths[entry];
    table_prefetch(table, table_hash(table, at->id));
    if (truth->own_next != 0) {
        __builtin_prefetch(&table->truths[truth->own_next - 1], 1);
    }
    if (truth->own_prev != 0) {
        __builtin_prefetch(&table->truths[truth->own_prev - 1], 1);
    }
    if (at->extent != LODE_EXTENT_INLINE) {
        arena_prefetch(table->arena, at->extent);
    }
}

void
object_free(struct table *table, uint32_t entry, enum lode_entry_state from)
{
    struct lode_entry *at = &table->entries[entry];
    struct truth_entry *truth = &table->truths[entry];
    bool has_extent = from != LODE_ENTRY_EXPECTED && at->extent != LODE_EXTENT_INLINE;
    table_remove(table, entry);
    /* FREE before anything else: a candidate is a sealed entry, and this one is none any more. */
    object_become(table, entry, from, LODE_ENTRY_FREE);
    refs_forget(table, entry);
    holds_forget(table, entry);
    holds_drop(table, entry);
    LODE_ASSERT(truth->refs == 0);
    if (has_extent) {
        arena_free(table->arena, at->extent, truth->stored);
    }
    table_give_back(table, entry);
}
