/*
 * ring.h: applying what a client put into its ring. Nothing in it is believed: every record is
 * copied once, checked, and then applied; a bad one cuts the session.
 *
 * Performance: a record costs no system call and no allocation from the heap.
 */
#ifndef LODE_STORE_RINGS_RING_H
#define LODE_STORE_RINGS_RING_H

#include "store/state/store.h"

enum { RING_PARTS_MAX = 1024 }; /* objects in one COMMIT */

/* One object of a record: what was said, and where its bytes are in the ring. */
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

/* Applies the records up to the tail that the ring has now. Does nothing for an ended session. */
void ring_drain(struct store *store, struct session *session);

/* Drains every session's ring, up to the tail that it has now. */
void ring_drain_all(struct store *store);

/* Drains those sessions that may make results. */
void ring_drain_makers(struct store *store);

/*
 * Copies and checks one struct lode_made and what it carries, from `at` with `left` bytes.
 *
 *   size_out  bytes up to the next part
 *
 * Errors  LODE_EPROTO with the reason
 */
LODE_MUST_CHECK lode_err ring_read_part(const uint8_t *at, uint64_t left, struct ring_part *part,
                                        uint64_t *size_out);

/*
 * Makes the object of a part with bytes; its credit has been spent. `expected`: the EXPECTED entry
 * of its id, NULL: there is none. Errors: LODE_ENOMEM.
 */
LODE_MUST_CHECK lode_err ring_make(struct store *store, struct session *session,
                                   const struct ring_part *part, const uint32_t *expected);

/* commit.c: applies a COMMIT whose bytes begin at `at`. Errors: LODE_EPROTO, LODE_ENOMEM. */
LODE_MUST_CHECK lode_err commit_apply(struct store *store, struct session *session,
                                      const uint8_t *at, uint64_t left);

/* Gives the memory of a draft back and tells who waits for its id: abort. */
void draft_abort(struct store *store, uint32_t entry);

/* Keeps the compiler from reading shared memory again after a copy was taken. */
#define RING_COPIED(local) __asm__ volatile("" : : "r"(&(local)) : "memory")

#endif
