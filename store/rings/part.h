/*
 * part.h: one object that a record of a ring makes. A PUT makes one, a COMMIT up to RING_PARTS_MAX.
 * The client can change the bytes of a record while the store reads them. So each field is copied
 * once, and only the copy is checked and used.
 */
#ifndef LODE_STORE_RINGS_PART_H
#define LODE_STORE_RINGS_PART_H

#include "store/state/store.h"

enum { RING_PARTS_MAX = 1024 }; /* objects in one COMMIT */

/* What the record says of the object, and where its bytes are in the ring. */
struct ring_part {
    struct object_desc desc;
    const uint8_t *bytes;
    uint64_t stored;
    uint64_t generation;
    uint32_t pages;
    uint32_t draft; /* entry + 1; 0: the bytes are here */
};

struct ring_scratch {
    struct ring_part parts[RING_PARTS_MAX];
};

/*
 * Copies and checks one struct lode_made and what it carries, from `at` with `left` bytes.
 *
 *   size_out  bytes up to the next part
 *
 * Errors  LODE_EPROTO with the reason
 */
LODE_MUST_CHECK lode_err part_read(const uint8_t *at, uint64_t left, struct ring_part *part,
                                   uint64_t *size_out);

/*
 * Makes the object of a part with bytes; its credit has been spent. `expected`: the EXPECTED entry
 * of its id, NULL: there is none. Errors: LODE_ENOMEM.
 */
LODE_MUST_CHECK lode_err part_make(struct store *store, struct session *session,
                                   const struct ring_part *part, const uint32_t *expected);

/* Keeps the compiler from reading shared memory again after a copy was taken. */
#define RING_COPIED(local) __asm__ volatile("" : : "r"(&(local)) : "memory")

#endif
