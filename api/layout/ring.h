/*
 * ring.h: the records in a session's ring: what a client tells the store without a message.
 *
 * A record is a header and a body, a multiple of 16 bytes. It never straddles the ring's end, nor
 * the end of what has memory (session.h [5]): the rest of the ring is one PAD record then. Records
 * are applied in their order in the ring. A record that breaks a rule ends the session (the store
 * cuts it), and nothing of the record is applied.
 *
 *   PAD      no body
 *   TAKE     id                  one more reference of this session
 *   DROP     id                  one reference of this session less
 *   PUT      struct lode_made, then its bytes: a new sealed object with an id of this session (kind
 *            put). Spends credit.
 *   COMMIT   struct lode_commit, then `count` × (struct lode_made, then its bytes): the results of
 *            one attempt of one task, all or none. The first attempt wins: if the first id is
 *            sealed already, the record only ends the drafts that it names. Only from sessions that
 *            attached as makers. Spends credit for the parts that carry their bytes.
 *   WAIT     struct lode_wait_record: the session is about to sleep until the id is decided; it
 *            rings
 *
 * In front of the bytes that a struct lode_made carries stand int64_t shape[ndim] and, with
 * LODE_ENTRY_STRIDED, int64_t strides[ndim]; the bytes begin at the next multiple of 16. A draft in
 * a COMMIT carries nothing: its shape and the rest came with its CREATE.
 */
#ifndef LODE_LAYOUT_RING_H
#define LODE_LAYOUT_RING_H

#include "api/layout/session.h"

#include <stdbool.h>

enum lode_record_type {
    LODE_RECORD_PAD = 1,
    LODE_RECORD_TAKE = 2,
    LODE_RECORD_DROP = 3,
    LODE_RECORD_PUT = 4,
    LODE_RECORD_COMMIT = 5,
    LODE_RECORD_WAIT = 6
};

enum {
    LODE_RECORD_ALIGN = 16,
    LODE_RECORD_MAX = 50 << 10,  /* bytes of one record: a COMMIT of 1,024 drafts fits */
    LODE_RING_PUT_MAX = 32 << 10 /* bytes of an object that is put by ring */
};

struct lode_record {
    uint32_t size; /* of the whole record, a multiple of LODE_RECORD_ALIGN */
    uint16_t type;
    uint16_t pad;
    uint64_t pad1; /* keeps bodies aligned to 16 */
};
static_assert(sizeof(struct lode_record) == 16, "ring.h");

/*
 * session.h [5]: where records may end, in bytes from the ring's beginning, if `backed` of its
 * `size` bytes have memory. A value of `backed` that cannot be, 0 among them: all have some.
 */
static inline uint32_t
lode_ring_reach(uint32_t backed, uint32_t size)
{
    bool is_part = backed >= LODE_RING_BYTES_FIRST && backed < size;
    return is_part ? backed - (uint32_t)sizeof(struct lode_record) : size;
}

/* An object that a record makes. */
struct lode_made {
    lode_id id;
    uint64_t size;  /* bytes of the object */
    uint32_t dtype; /* ring.h, index.h: as in struct lode_entry */
    uint8_t kind;
    uint8_t object_class;
    uint8_t ndim;
    uint8_t flags;
    uint32_t draft;      /* COMMIT: 0: the bytes follow; else the draft's entry number + 1 */
    uint32_t carried;    /* bytes from the end of this struct to the next one */
    uint64_t generation; /* of the draft's entry */
};
static_assert(sizeof(struct lode_made) == 48, "ring.h");

struct lode_commit {
    uint32_t count; /* 1 .. 1,024 */
    uint32_t pad;
    uint64_t task; /* the scheduler's number, for diagnosis */
};
static_assert(sizeof(struct lode_commit) == 16, "ring.h");

struct lode_wait_record {
    lode_id id;
    uint64_t cookie; /* of the session's choice, not 0: tells its waits for one id apart */
    uint64_t pad;
};
static_assert(sizeof(struct lode_wait_record) == 32, "ring.h");

static inline uint32_t
lode_ring_align(uint64_t size)
{
    return (uint32_t)((size + LODE_RECORD_ALIGN - 1) & ~(uint64_t)(LODE_RECORD_ALIGN - 1));
}

/*
 * Where an object of so many bytes is put, and what credit its put spends. Each struct lode_made
 * that carries its bytes spends one entry and lode_made_pages(), in a PUT or a COMMIT, also if the
 * record changes nothing. Drafts, takes and drops spend none. Client and store count alike.
 */
static inline bool
lode_made_inline(uint64_t size, uint8_t ndim)
{
    return ndim == 0 && size <= LODE_INLINE_MAX;
}

static inline uint64_t
lode_made_stored(uint64_t size, uint8_t flags)
{
    return size + (flags & LODE_ENTRY_STRIDED ? LODE_MAX_NDIM * sizeof(int64_t) : 0);
}

static inline uint32_t
lode_made_pages(uint64_t size, uint8_t ndim, uint8_t flags)
{
    return lode_made_inline(size, ndim)
               ? 0
               : (uint32_t)((lode_made_stored(size, flags) + LODE_PAGE - 1) / LODE_PAGE);
}

#endif
