/*
 * segments.h: where the bytes of objects lie in this process: one read-only map of each segment,
 * and, for creators only, one that is writable nowhere but in the extents of open drafts, and where
 * a put copies at this moment. The second is guarded in one of three ways:
 *
 *   under a key   a put opens the process' key for its own thread (write_key.h). A draft's pages
 *                 are taken out from under the key until it ends, by pkey_mprotect()
 *   by pages      where there is no key: all is read-only, and mprotect() makes the pages of a put
 *                 or draft writable, and read-only again
 *   not at all    LODE_OPEN_UNPROTECTED: all is writable
 */
#ifndef LODE_CLIENT_SEGMENTS_H
#define LODE_CLIENT_SEGMENTS_H

#include "api/client/channel/store_calls.h"
#include "api/layout/index.h"

#include <sys/uio.h>

struct lode_segment_map {
    _Atomic(const uint8_t *) read; /* published after `bytes` and its chunks */
    uint64_t bytes; /* of both maps; written once, before the first of them is published */
    _Atomic uint64_t *read_chunks; /* which chunks have been populated; a bit each */
    _Atomic(uint8_t *) write;
    bool keyed; /* the writable map lies under the key; written before it is published */
    _Atomic uint64_t *write_chunks;
};

struct lode_segments {
    struct lode_mutex mu; /* mapping */
    bool unprotected;     /* LODE_OPEN_UNPROTECTED */
    struct lode_store_calls *calls;
    uint64_t file_device, file_inode; /* of the session's file, which is no segment */
    _Atomic uint64_t populated;       /* lode_segments_key() of what was populated last */
    struct lode_segment_map map[LODE_SEGMENT_MAX];
};

void lode_segments_init(struct lode_segments *segments, struct lode_store_calls *calls,
                        bool unprotected);
void lode_segments_fini(struct lode_segments *segments);

/*
 * The session's file: a store that sends it as a segment is refused, since drafts would be written
 * over the session's pins. Before any call that asks the store. Errors: LODE_ESYS.
 */
LODE_MUST_CHECK lode_err lode_segments_except(struct lode_segments *segments, int fd);

/* From now on a read of any segment is SIGSEGV. No lock, no memory: for a child after fork. */
void lode_segments_forbid(struct lode_segments *segments);

/*
 * Where `size` bytes at an extent can be read. The first use of a segment asks the store.
 *
 *   answer_by  how long its answer is waited for. 0: the store is not asked
 *
 * Errors  LODE_EAGAIN (no sentence) with answer_by 0: the segment is not mapped yet;
 *         LODE_ETIMEDOUT, LODE_EDOWN, LODE_ENOMEM; LODE_ECORRUPT the extent is not inside its
 *         segment
 */
LODE_MUST_CHECK lode_err lode_segments_read(struct lode_segments *segments, uint64_t extent,
                                            uint64_t size, int64_t answer_by,
                                            const void **bytes_out);

static inline bool
lode_segment_holds(const struct lode_segment_map *map, uint64_t extent, uint64_t size)
{
    uint64_t offset = lode_extent_offset(extent);
    return offset <= map->bytes && size <= map->bytes - offset;
}

/*
 * lode_segments_read() of a segment that is mapped already. NULL: it is not mapped, or the extent
 * does not lie in it.
 */
static inline const void *
lode_segments_at(const struct lode_segments *segments, uint64_t extent, uint64_t size)
{
    uint32_t number = lode_extent_segment(extent);
    if (number >= LODE_SEGMENT_MAX) {
        return NULL;
    }
    const struct lode_segment_map *map = &segments->map[number];
    const uint8_t *base = atomic_load_explicit(&map->read, memory_order_acquire);
    return base != NULL && lode_segment_holds(map, extent, size) ? base + lode_extent_offset(extent)
                                                                 : NULL;
}

/* Should two extents have one key (1 in 2^64), one of them is not populated, and costs faults. */
static inline uint64_t
lode_segments_key(uint64_t extent, uint64_t size)
{
    return (extent ^ size * UINT64_C(0x9e3779b97f4a7c15)) | 1;
}

/* True if this extent was the last that lode_segments_populate_read() mapped. */
static inline bool
lode_segments_is_populated(const struct lode_segments *segments, uint64_t extent, uint64_t size)
{
    return atomic_load_explicit(&segments->populated, memory_order_relaxed) ==
           lode_segments_key(extent, size);
}

/*
 * Maps the pages of bytes that will be read, once for each place. A page that it cannot map now
 * comes by a fault later.
 */
void lode_segments_populate_read(struct lode_segments *segments, uint64_t extent, uint64_t size);

/*
 * Copies the parts, one after the other, to the begin of an extent, which no other thread can write
 * meanwhile if the map lies under a key, and none afterwards.
 *
 *   size       of the extent's object; the parts have no more
 *   answer_by  as lode_segments_read(), but never 0
 *
 * Errors  those of lode_segments_open() and lode_segments_close(): what lies there must not be
 *         sealed
 */
LODE_MUST_CHECK lode_err lode_segments_fill(struct lode_segments *segments, uint64_t extent,
                                            uint64_t size, const struct iovec *parts, size_t count,
                                            int64_t answer_by);

/*
 * Opens the pages of an extent for writing by any thread, and populates them where they are fresh.
 * answer_by and errors: as lode_segments_read(), but never 0.
 */
LODE_MUST_CHECK lode_err lode_segments_open(struct lode_segments *segments, uint64_t extent,
                                            uint64_t size, int64_t answer_by, void **bytes_out);

/*
 * Closes them again: from here on a write is SIGSEGV (unless unprotected).
 * Errors: LODE_ENOMEM the process has too many maps: closing pages between open ones takes two
 * more. They stay writable in this process, so what lies there must not be sealed.
 */
LODE_MUST_CHECK lode_err lode_segments_close(struct lode_segments *segments, uint64_t extent,
                                             uint64_t size);

#endif
