/*
 * id.h: the bits of an object id, version 1. Ids are made and taken apart here only.
 *
 *   high 64 bits   kind:2 | session:46 | counter, bits 64..79
 *   low 64 bits    counter, bits 0..63
 *
 * A put's counter with its highest bit set was reserved: given out before it is put.
 *
 * Stored big-endian, so that the hex text sorts by kind, session and counter. A session's number
 * is never reused in a store's life, and is not 0: no id but the zero id is all zero. The first one
 * is drawn at random, so that an id of another cluster is not taken for one of this.
 */
#ifndef LODE_LAYOUT_ID_H
#define LODE_LAYOUT_ID_H

#include <lode/object.h>
#include <string.h>

enum lode_id_kind {
    LODE_ID_PUT = 0,    /* made and referenced by the session in the id, from birth */
    LODE_ID_RESULT = 1, /* promised: made by a task, referenced by the session in the id */
    LODE_ID_USER = 2,   /* the user's own choice, random */
    LODE_ID_NAME = 3    /* a name: hash of (namespace, name) */
};

#define LODE_SESSION_MAX ((UINT64_C(1) << 46) - 1)

#define LODE_ID_RESERVED UINT64_C(0x8000) /* in the high word of a put's id */

static inline lode_id
lode_id_from_words(uint64_t high, uint64_t low)
{
    lode_id id;
    high = __builtin_bswap64(high);
    low = __builtin_bswap64(low);
    memcpy(id.byte, &high, 8);
    memcpy(id.byte + 8, &low, 8);
    return id;
}

static inline uint64_t
lode_id_high(lode_id id)
{
    uint64_t word;
    memcpy(&word, id.byte, 8);
    return __builtin_bswap64(word);
}

static inline uint64_t
lode_id_low(lode_id id)
{
    uint64_t word;
    memcpy(&word, id.byte + 8, 8);
    return __builtin_bswap64(word);
}

static inline lode_id
lode_id_make(enum lode_id_kind kind, uint64_t session, uint64_t counter)
{
    return lode_id_from_words((uint64_t)kind << 62 | session << 16, counter);
}

static inline enum lode_id_kind
lode_id_kind(lode_id id)
{
    return (enum lode_id_kind)(lode_id_high(id) >> 62);
}

/* The n-th id that a session has reserved, from 1. */
static inline lode_id
lode_id_reserve(uint64_t session, uint64_t counter)
{
    return lode_id_from_words(session << 16 | LODE_ID_RESERVED, counter);
}

static inline bool
lode_id_is_reserved(lode_id id)
{
    return lode_id_kind(id) == LODE_ID_PUT && (lode_id_high(id) & LODE_ID_RESERVED) != 0;
}

/* Others may know of it before it is made: until then it is awaited. */
static inline bool
lode_id_is_promised(lode_id id)
{
    return lode_id_kind(id) == LODE_ID_RESULT || lode_id_is_reserved(id);
}

/* The session that the id was drawn in; 0 for user ids and names. */
static inline uint64_t
lode_id_session(lode_id id)
{
    uint64_t high = lode_id_high(id);
    return high >> 62 >= LODE_ID_USER ? 0 : high >> 16 & LODE_SESSION_MAX;
}

/* The i-th of ids drawn in one go: a task's results are consecutive. */
static inline lode_id
lode_id_plus(lode_id id, uint64_t i)
{
    return lode_id_from_words(lode_id_high(id), lode_id_low(id) + i);
}

/* As lode_id_is_zero(), without a call: the library asks it of every id that it is given. */
static inline bool
lode_id_none(lode_id id)
{
    return (lode_id_high(id) | lode_id_low(id)) == 0;
}

static inline bool
lode_id_same(lode_id a, lode_id b)
{
    return memcmp(a.byte, b.byte, sizeof a.byte) == 0;
}

#endif
