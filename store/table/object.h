/*
 * object.h: one object: what its maker says of it, where its bytes lie, and its end.
 *
 * Threads: the loop thread. Blocking: never.
 */
#ifndef LODE_STORE_TABLE_OBJECT_H
#define LODE_STORE_TABLE_OBJECT_H

#include "api/layout/ring.h"
#include "store/table/refs.h"

/* What a client says of an object: copied from where it wrote it, not yet believed. */
struct object_desc {
    lode_id id;
    uint64_t size;
    uint32_t dtype;
    uint8_t kind, object_class, ndim, flags;
    int64_t shape[LODE_MAX_NDIM];
    int64_t strides[LODE_MAX_NDIM]; /* with LODE_ENTRY_STRIDED */
};

/*
 * Checks kind, class, type, shape and strides against the size. Readers believe them: a shape that
 * is too large would make them read beyond the object. Errors: LODE_EINVAL with the reason.
 */
LODE_MUST_CHECK lode_err object_check(const struct object_desc *desc);

/* Bytes that the object takes of the arena; 0: none, it lies in its entry. */
static inline uint64_t
object_stored(const struct object_desc *desc)
{
    return lode_made_inline(desc->size, desc->ndim) ? 0 : lode_made_stored(desc->size, desc->flags);
}

/* Writes the description into an entry that nobody may read yet. `extent`: see index.h. */
void object_describe(struct table *table, uint32_t entry, const struct object_desc *desc,
                     uint64_t extent, uint64_t stored, uint32_t row);

/* Writes strides in front of the data, where the object has them; its extent must be warm. */
void object_write_strides(struct table *table, uint32_t entry, const int64_t *strides);

/* Where the store writes or reads the data (behind the strides). */
uint8_t *object_data(const struct table *table, uint32_t entry);

/* Room that is there now, without waiting for memory; uses the store's own credit if it must. */
LODE_MUST_CHECK lode_err object_room_now(struct table *table, uint64_t size, uint64_t *extent_out);

/*
 * Reserves pages and entries until the store's own credit is whole again, as far as there are some.
 */
void object_refill_spare(struct table *table);

/* The store's own entries may be taken by table_take() until object_refill_spare(). */
void object_spend_spare(struct table *table);

/*
 * Fetch what object_free() will read: the first call the entry, and the second, some time later,
 * what the entry leads to. Hints: nothing depends on them.
 */
void object_prefetch(const struct table *table, uint32_t entry);
void object_prefetch_neighbours(const struct table *table, uint32_t entry);

/*
 * Ends an entry in any state that has an edge to FREE: takes it out of the table, gives its bytes
 * back, and ends all references to it and from it. It must be in no list of a session.
 */
void object_free(struct table *table, uint32_t entry, enum lode_entry_state from);

#endif
