#include "store/rings/part.h"

#include "api/base/assert.h"
#include "api/base/fail.h"
#include "store/objects/own.h"
#include "store/rings/account.h"

#include <string.h>

static uint64_t
align16(uint64_t size)
{
    return (size + 15) & ~UINT64_C(15);
}

static void
describe(const struct lode_made *made, struct ring_part *part)
{
    part->desc.id = made->id;
    part->desc.size = made->size;
    part->desc.dtype = made->dtype;
    part->desc.kind = made->kind;
    part->desc.object_class = made->object_class;
    part->desc.ndim = made->ndim;
    part->desc.flags = made->flags;
    part->generation = made->generation;
    part->draft = made->draft;
    part->bytes = NULL;
    part->stored = 0;
    part->pages = 0;
}

static lode_err
read_carried(const uint8_t *at, uint64_t carried, struct ring_part *part)
{
    struct object_desc *desc = &part->desc;
    uint64_t axes = desc->ndim * sizeof(int64_t), used = axes;
    if (desc->ndim > LODE_MAX_NDIM || axes * 2 > carried + axes * 2 ||
        desc->size > LODE_RING_PUT_MAX) {
        return lode_fail_with(LODE_EPROTO, "%u axes, %llu bytes in a record", desc->ndim,
                              (unsigned long long)desc->size);
    }
    if (desc->flags & LODE_ENTRY_STRIDED) {
        used += axes;
    }
    if (align16(used) + desc->size > carried) {
        return lode_fail_with(LODE_EPROTO, "an object of %llu bytes in a part of %llu",
                              (unsigned long long)desc->size, (unsigned long long)carried);
    }
    memset(desc->strides, 0, sizeof desc->strides);
    memset(desc->shape, 0, sizeof desc->shape);
    memcpy(desc->shape, at, axes);
    if (desc->flags & LODE_ENTRY_STRIDED) {
        memcpy(desc->strides, at + axes, axes);
    }
    RING_COPIED(*desc);
    part->bytes = at + align16(used);
    part->stored = object_stored(desc);
    part->pages = lode_made_pages(desc->size, desc->ndim, desc->flags);
    return object_check(desc);
}

lode_err
part_read(const uint8_t *at, uint64_t left, struct ring_part *part, uint64_t *size_out)
{
    struct lode_made made;
    if (left < sizeof made) {
        return lode_fail_with(LODE_EPROTO, "a part of a record begins %llu bytes before its end",
                              (unsigned long long)left);
    }
    memcpy(&made, at, sizeof made);
    RING_COPIED(made);
    uint64_t carried = align16(made.carried);
    if (carried > left - sizeof made) {
        return lode_fail_with(LODE_EPROTO, "a part carries %u bytes, the record has %llu",
                              made.carried, (unsigned long long)(left - sizeof made));
    }
    describe(&made, part);
    *size_out = sizeof made + carried;
    return made.draft != 0 ? LODE_OK : read_carried(at + sizeof made, carried, part);
}

static void
copy_bytes(struct store *store, uint32_t entry, const struct ring_part *part)
{
    object_write_strides(&store->table, entry, part->desc.strides);
    if (part->desc.size > 0) {
        memcpy(object_data(&store->table, entry), part->bytes, part->desc.size);
    }
}

lode_err
part_make(struct store *store, struct session *session, const struct ring_part *part,
          const uint32_t *expected)
{
    struct table *table = &store->table;
    struct arena_room room = {.extent = LODE_EXTENT_INLINE};
    uint32_t entry;
    if (part->stored > 0) {
        lode_err err = arena_allocate(store->arena, part->stored, ARENA_SMALL, true, &room);
        if (err != LODE_OK) {
            account_waste(store, part->pages, 1); /* it was spent, and nothing came of it */
            return err;
        }
    }
    enum lode_entry_state from = LODE_ENTRY_EXPECTED;
    if (expected != NULL) {
        entry = *expected;
        table_unreserve(table, 1); /* remembered before it was born: its entry is there */
    } else {
        from = LODE_ENTRY_FREE;
        lode_err err = table_take(table, part->desc.id, true, &entry);
        LODE_ASSERT(err == LODE_OK); /* it spends a reserved entry */
        own_born(store, entry, part->desc.id);
    }
    own_arrived(store, entry, part->desc.id);
    object_describe(table, entry, &part->desc, room.extent, part->stored, session->row);
    copy_bytes(store, entry, part);
    object_become(table, entry, from, LODE_ENTRY_SEALED);
    own_sealed(store, entry);
    return LODE_OK;
}
