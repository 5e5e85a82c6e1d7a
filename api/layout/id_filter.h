/*
 * id_filter.h: a set of ids as a row of bits, one for each id, by the hash of the id, and one for
 * each row that the sessions of its ids have (index.h). The bit of an id is set if the id is in the
 * set; and by chance, if it is not. With as many bits as lode_filter_log2() says, that happens for
 * 3 to 6 ids of a hundred.
 */
#ifndef LODE_LAYOUT_ID_FILTER_H
#define LODE_LAYOUT_ID_FILTER_H

#include "api/layout/id.h"
#include "api/layout/index.h"

enum {
    LODE_FILTER_LOG2_LEAST = 10,
    LODE_FILTER_BITS_OF_ID = 16 /* at least; fewer than twice as many, but for few ids */
};

static inline uint32_t
lode_filter_log2(uint64_t count)
{
    uint32_t log2 = LODE_FILTER_LOG2_LEAST;
    while (UINT64_C(1) << log2 < count * LODE_FILTER_BITS_OF_ID) {
        log2++;
    }
    return log2;
}

static inline uint64_t
lode_filter_bytes(uint32_t log2)
{
    return (UINT64_C(1) << log2) / 8;
}

/* Ids that lie together have hashes that are alike in many bits (index.h): they are mixed. */
static inline uint64_t
lode_filter_at(uint64_t hash, uint32_t log2)
{
    return hash * UINT64_C(0x9e3779b97f4a7c15) >> (64 - log2);
}

/*
 * What stands in a set for the sessions of some of its ids: when a session ends, its ids that are
 * still to come are decided, and nobody lists them. Sessions that share a row share it, too: if one
 * of them ends, the store may forget what it knew of another (objects/status.h).
 */
static inline lode_id
lode_filter_row(uint64_t session)
{
    return lode_id_make(LODE_ID_RESULT, session % LODE_SESSION_ROWS, 0);
}

static inline bool
lode_filter_has(const uint8_t *bits, uint64_t at)
{
    return (bits[at / 8] >> at % 8 & 1) != 0;
}

#endif
