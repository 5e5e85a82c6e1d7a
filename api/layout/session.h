/*
 * session.h: a session's file: its pins and its ring. The one file that a client maps writable.
 *
 * The store makes it (named by the session's number), fallocates it and maps it too; to the store
 * everything in it is hostile input: each word is read once and bounds-checked.
 *
 *   offset        part                      written by   order          read by   order
 *   0             magic .. ring_bytes       store        before attach  client
 *   64            ring_tail                 client       release [1]    store     acquire
 *   72            credit_waits            client       seq_cst [3]    store     relaxed
 *   76            credit_need             client       relaxed [3]    store     relaxed
 *   80            spending                client       [4]            store     acquire
 *   84            ring_need               client       relaxed [5]    store     relaxed
 *   128           pin_high                  client       release [2]    store     acquire
 *   4 KiB         ring, ring_bytes          client       plain          store     plain
 *   4 KiB + ring  pins[LODE_PIN_MAX]        client       [2]            store     acquire
 *
 * [1] Bytes below ring_tail (free-running, modulo ring_bytes) are whole records, see ring.h. The
 *     store's position is ring_head in the session's row of the index. Several threads of the
 *     client put records in under a lock of their own.
 *     After publishing the tail: fence seq_cst, read the `waited` word of the bucket of each id
 *     that the record makes; if it is set, ring the doorbell.
 * [2] A pin is an entry's number + 1; 0: free. Slots below pin_high may be in use. pin_high is
 *     published (seq_cst) before a slot above it is first used. To pin, the client writes the pin
 *     and checks the entry's word again, both seq_cst (index.h [1]). To release, it clears the pin
 *     and reads the entry's word, both seq_cst: if its state is WANTED, it sends RELEASED. So it
 *     does with a pin that did not hold: the store may have seen that as well as any other.
 *     Where the flags of the row say LODE_ROW_PLAIN_RELEASE, nothing but the compiler is fenced
 *     between these two: the store fences for both (api/system/membarrier.h). It marks the entry
 *     WANTED, calls membarrier, and looks at the pins once more. Each thread has an instant at
 *     which it was fenced meanwhile. A pin that it cleared before that is seen cleared. If it
 *     clears its pin after that, it reads WANTED. The bytes are read before the pin is cleared
 *     (release), so no object is freed beneath a reader, whoever is fenced. Only a client that said
 *     LODE_HELLO_FENCED is told so, and only by a store whose membarrier works. One that said so
 *     and is not fenced may leave its own pinned objects in the store until it ends.
 * [3] credit_waits: how many threads are about to sleep on credit_wake. It is counted up before
 *     FUTEX_WAIT and down after it. The store moves head or credit, adds one to credit_wake, fences
 *     seq_cst, and wakes only if this is not 0. A sleeper that it misses finds credit_wake changed.
 *     credit_need: the most that a record of these threads needs, if one of them lacks credit. The
 *     store grants that much, or nothing. It is written before credit_waits is counted up.
 * [4] The store may recall credit that is not spent. So the client writes 1 into spending before
 *     it reads its limits, and 0 (release) after it has published the record that spends, or when
 *     it spends nothing after all. Its threads do so under the lock under which records go in.
 *     Nothing but the compiler is fenced between the 1 and the limits: the store fences for both
 *     (api/system/membarrier.h). The store lowers the limits in the row, calls membarrier, and
 *     reads spending (acquire), and then ring_tail. There are three cases:
 *       - spending is 1: a thread may have read the old limits. The store puts the limits back.
 *       - spending is 0, and ring_tail is not where the store has applied all. Records may spend
 *         what was recalled: a 0 that was written after a record shows ring_tail behind that
 *         record. The store puts the limits back.
 *       - spending is 0, and no record is there. No thread has read the old limits and is still to
 *         publish: it would have written 1 before the instant at which it was fenced. Each thread
 *         that begins to spend from now on sees the lowered limits. What is not spent is the
 *         store's.
 *     So no record is ever without the credit that its client saw. Where the store puts limits
 *     back, it changes credit_wake: a thread that has seen the low ones, and is about to sleep,
 *     looks again.
 *     Only for sessions that said LODE_HELLO_FENCED. A client that says so and is not fenced, or
 *     that writes 0 too early, harms itself: a record without credit ends its session. One that
 *     always leaves 1 there keeps what it was granted.
 * [5] The ring of a session that said LODE_HELLO_LEAN has memory only at its beginning at first:
 *     most sessions put nothing, and drop little. ring_backed in the session's row says how many
 *     bytes have some. The store gives memory first and writes the word (release) after it, and
 *     the word only grows. The client reads it (acquire), and writes nothing behind so many bytes:
 *     there the kernel would have to find memory at the write, and a full tmpfs is SIGBUS.
 *     Positions count modulo ring_bytes all the same. Records end at lode_ring_reach() at the
 *     latest. What does not fit in front of that goes to the ring's beginning, behind a PAD that
 *     covers the rest of the ring: 16 bytes are kept for the head of this PAD. So both sides agree
 *     on where each record lies, whichever value of the word the client has seen.
 *     The bell gives memory to the whole ring in two cases: half of what has some was used between
 *     two drains, or a thread waits (credit_waits) to write a record that is larger. ring_need,
 *     written before credit_waits is counted up, is the size of the largest of these. A client that
 *     only waits goes round in what there is: its records are drained one by one. If the tmpfs is
 *     full, so does every client, and puts by packet what is larger. The store does not read behind
 *     ring_backed, whatever the client writes: to read there would take memory, too. Beside a store
 *     that stands still, a ring that never grew takes some 250 drops, of the 8,000 that it takes
 *     later.
 *
 * Invariant: ring_head <= ring_tail <= ring_head + ring_bytes.
 * Crash rule: when the session's socket ends, records below ring_tail are whole, and the store
 * applies them. Then the session's references go. Pins and drafts go when the process has exited: a
 * process that only closed the socket may still read and write them.
 */
#ifndef LODE_LAYOUT_SESSION_H
#define LODE_LAYOUT_SESSION_H

#include "api/layout/index.h"

#define LODE_SESSION_MAGIC UINT64_C(0x316e6f697373534c) /* "LSssion1" */

enum {
    LODE_RING_BYTES_FIRST = 8 << 10, /* that have memory at attach: [5] */
    LODE_RING_BYTES_MIN = 64 << 10,
    LODE_RING_BYTES_DEFAULT = 256 << 10,
    LODE_RING_BYTES_MAX = 256 << 10, /* the store drains it in one go, in about a millisecond */
    LODE_PIN_MAX = 1 << 20,
    LODE_PIN_FIRST = 1024 /* slots that are fallocated at attach; more: GROW_PINS */
};

struct lode_session_header {
    uint64_t magic;
    uint16_t major, minor;
    uint32_t ring_bytes; /* a power of two */
    uint64_t session;
    uint64_t pad0[5];
    _Atomic uint64_t ring_tail;
    _Atomic uint32_t credit_waits;
    _Atomic uint32_t credit_need; /* pages | entries << 16 */
    _Atomic uint32_t spending;    /* 1: a thread reads its limits, or has not published yet */
    _Atomic uint32_t ring_need;   /* bytes of a record */
    uint32_t pad1[10];
    _Atomic uint32_t pin_high;
    uint32_t pad2[15];
};
static_assert(offsetof(struct lode_session_header, ring_tail) == 64, "session.h");
static_assert(offsetof(struct lode_session_header, credit_waits) == 72, "session.h");
static_assert(offsetof(struct lode_session_header, credit_need) == 76, "session.h");
static_assert(offsetof(struct lode_session_header, spending) == 80, "session.h");
static_assert(offsetof(struct lode_session_header, ring_need) == 84, "session.h");
static_assert(offsetof(struct lode_session_header, pin_high) == 128, "session.h");
static_assert(sizeof(struct lode_session_header) <= LODE_PAGE, "session.h");

#define LODE_RING_OFFSET ((uint64_t)LODE_PAGE)

static inline uint64_t
lode_pins_offset(uint32_t ring_bytes)
{
    return LODE_RING_OFFSET + ring_bytes;
}

static inline uint64_t
lode_session_file_bytes(uint32_t ring_bytes)
{
    return lode_pins_offset(ring_bytes) + (uint64_t)LODE_PIN_MAX * sizeof(uint32_t);
}

#endif
