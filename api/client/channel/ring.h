/*
 * ring.h: the writing end of a session's ring (api/layout/ring.h). Records go in under a lock of
 * this process. One write of the tail publishes them. A thread waits for the store only if the ring
 * is full, or the session has no credit left for the bytes of a put.
 *
 * A drop is never lost. If the ring stays full because the store is stopped, the drop is owed: it
 * is kept here, and goes ahead of the next record that finds room. The records that only name an
 * id, drops among them, are those of ring_ids.h.
 */
#ifndef LODE_CLIENT_RING_H
#define LODE_CLIENT_RING_H

#include "api/client/channel/index_reader.h"
#include "api/client/channel/made.h"
#include "api/client/channel/patience.h"
#include "api/client/channel/store_calls.h"
#include "api/layout/ring.h"

struct lode_ring {
    struct lode_mutex mu;
    uint8_t *bytes;
    uint32_t size;
    uint32_t reach;                /* mu: no record ends behind this byte. session.h [5] */
    uint64_t tail;                 /* mu */
    _Atomic uint64_t *shared_tail; /* in the session file */
    _Atomic uint32_t *waits;       /* session.h [3] */
    _Atomic uint32_t *credit_need; /* session.h [3] */
    _Atomic uint32_t *ring_need;   /* session.h [5] */
    _Atomic uint32_t *spending;    /* session.h [4]: 1 while the ring is locked for a record */
    const struct lode_session_row *row;
    uint64_t session; /* the number in the row, as long as the store has not ended the session */
    uint64_t spent_pages, spent_entries; /* mu; counted as the store counts them */
    uint64_t rung_head;                  /* mu: the store was rung for room at this head */
    uint64_t rung_pages;                 /* mu: the same for this limit of credit */
    uint64_t window_pages;               /* mu: credit that there was when the limit last grew */
    uint64_t asked_pages, asked_ns;      /* mu: the limit, and looked_ns, when some was asked for */
    _Atomic uint64_t rung_tail;          /* the bell was rung with this tail published */
    _Atomic bool packets_serve;          /* ring_wait.h: what found no credit last went by packet */
    uint64_t looked_ns;                  /* mu: when the store was last seen alive */
    struct lode_owed_drop *owed;         /* mu: drops that the ring had no room for */
    const struct lode_index_view *index;
    struct lode_store_calls *calls;
};

void lode_ring_init(struct lode_ring *ring, struct lode_session_header *file,
                    const struct lode_session_row *row, const struct lode_index_view *index,
                    struct lode_store_calls *calls);
void lode_ring_fini(struct lode_ring *ring);

/* What a record needs. */
struct lode_ring_need {
    uint32_t size;           /* of the record, header included, a multiple of LODE_RECORD_ALIGN */
    uint32_t pages, entries; /* of credit */
};

enum { LODE_REFERENCE_BYTES = sizeof(struct lode_record) + sizeof(lode_id) }; /* TAKE, DROP */

/*
 * Until when room in the ring is waited for, beside a time: 5 s from when it is found full; the
 * same, but not at all where drops are owed. So nobody looks at the clock in vain.
 */
#define LODE_ROOM_LATER        INT64_C(-1)
#define LODE_ROOM_UNLESS_OWING INT64_C(-2)

/*
 * Waits for room and credit, and leaves with the ring locked: fill the body (behind the header,
 * which is filled in), then lode_ring_publish().
 *
 *   patience  its deadline is for credit, its answer_by (or one of LODE_ROOM_…) for room in the
 *             ring, which a store that runs makes as it goes. As for credit, it waits for memory
 *             for more of the ring, if the record is larger than what has some
 *   body_out  size - sizeof(struct lode_record) bytes
 *
 * Errors    LODE_EAGAIN (no sentence) no credit came in time; LODE_ETIMEDOUT no room came: the
 *           store is stopped; LODE_EDOWN; the ring is not locked
 */
LODE_MUST_CHECK lode_err lode_ring_reserve(struct lode_ring *ring, enum lode_record_type type,
                                           const struct lode_ring_need *need,
                                           const struct lode_patience *patience, void **body_out);

/*
 * Session.h [3]: takes a place in the store's line of those that wait for credit, and gives it up.
 * The store learns of it when the bell is rung.
 *
 *   sleeps  the thread will call lode_ring_reserve() and sleep there, which rings. If not, this
 *           rings now and then, and whenever the ring is too small. Otherwise a thread that never
 *           sleeps would put by packet for ever
 */
void lode_ring_stand_in_line(struct lode_ring *ring, const struct lode_ring_need *need,
                             bool sleeps);
void lode_ring_leave_line(struct lode_ring *ring);

/* Pages of credit that are left now. Other threads may spend them, or the store recall them. */
uint64_t lode_ring_pages(struct lode_ring *ring);

/* Unlocks: the record that was reserved is not written after all. */
void lode_ring_cancel(struct lode_ring *ring);

/*
 * Publishes the record and unlocks. Then it rings the doorbell if a client may wait for one of the
 * `count` ids that the record makes, which lie `stride` bytes apart. It also rings if the ring is
 * half full, if the credit is half used, or if `urgent`.
 */
void lode_ring_publish(struct lode_ring *ring, const struct lode_ring_need *need, const void *ids,
                       uint32_t count, size_t stride, bool urgent);

/* Rings, unless that was done since the last record. */
void lode_ring_bell(struct lode_ring *ring);

/*
 * A drop that found no room is owed. It goes ahead of the next record that finds some. Without
 * memory to note it, the reference lasts as long as the session.
 */
void lode_ring_owe(struct lode_ring *ring, lode_id id);

#endif
