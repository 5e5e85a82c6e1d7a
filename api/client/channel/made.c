#include "api/client/channel/made.h"

#include "api/base/assert.h"

#include <string.h>

struct lode_made_layout
lode_made_layout(uint64_t size, uint8_t ndim, uint8_t flags)
{
    struct lode_made_layout layout;
    uint32_t axes = ndim * (uint32_t)sizeof(int64_t);
    layout.head = lode_ring_align(flags & LODE_ENTRY_STRIDED ? 2 * axes : axes);
    layout.carried = layout.head + lode_ring_align(size);
    return layout;
}

uint8_t *
lode_made_write(uint8_t *at, const struct lode_made *made, const int64_t *shape,
                const int64_t *strides, const void *bytes)
{
    struct lode_made_layout layout = lode_made_layout(made->size, made->ndim, made->flags);
    size_t axes = made->ndim * sizeof(int64_t);
    LODE_DEBUG_ASSERT(made->carried == layout.carried);
    memcpy(at, made, sizeof *made);
    at += sizeof *made;
    if (axes > 0) {
        memcpy(at, shape, axes);
    }
    if (made->flags & LODE_ENTRY_STRIDED) {
        memcpy(at + axes, strides, axes);
    }
    if (made->size > 0) {
        memcpy(at + layout.head, bytes, made->size);
    }
    return at + layout.carried;
}
