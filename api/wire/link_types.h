/*
 * link_types.h: what travels on a link's pipes, and what a link tells its user. The link: link.h.
 *
 *   batch = struct lode_link_batch, then count × { struct lode_link_record, bytes, filled to 8 }
 */
#ifndef LODE_WIRE_LINK_TYPES_H
#define LODE_WIRE_LINK_TYPES_H

#include <lode/error.h>

enum {
    LODE_LINK_BATCH_MAX = 4 << 20,    /* bytes of the records of one batch */
    LODE_LINK_BACKLOG_MAX = 256 << 20 /* bytes that may wait for acknowledgement */
};
#define LODE_LINK_MAGIC UINT32_C(0x314b4e4c)

struct lode_link_batch {
    uint32_t magic;
    uint32_t count;
    uint64_t first; /* number of the first record; numbers start at 1 */
    uint64_t acked; /* every record up to this one has arrived here */
    uint32_t flags; /* LODE_LINK_… */
    uint32_t bytes; /* of the records that follow */
};

enum {
    LODE_LINK_HELLO = 1,  /* first on a new pipe, from both sides: asks for what follows `acked` */
    LODE_LINK_ASK_ACK = 2 /* answer at once with `acked` */
};

struct lode_link_record {
    uint32_t size; /* of the bytes */
    uint16_t type; /* enum lode_task_msg */
    uint16_t pad;
};

/*
 * Called on an nng thread, one call at a time for each link, for each record in order. `bytes` is
 * valid during the call and aligned to 8. It may append to this or other links. Returning another
 * value than LODE_OK ends the link: `broken` follows.
 */
typedef lode_err (*lode_link_record_fn)(void *arg, uint16_t type, const void *bytes, uint32_t size);

struct lode_link_events {
    lode_link_record_fn record;
    void (*batch_end)(void *arg); /* after the last of the records that arrived together; or NULL */
    void (*broken)(void *arg, lode_err why); /* the link is of no more use; once; or NULL */
    void *arg;
};

/* What a link has seen; for statistics and tests. */
struct lode_link_counters {
    uint64_t records_sent, records_acked, records_received;
    uint64_t messages_sent, messages_received;
    uint64_t pipes;         /* that a peer has said HELLO on */
    uint64_t redials;       /* that were begun after a lost pipe, or a dial that failed */
    uint64_t repeats;       /* records that came again, and were dropped */
    uint64_t refused;       /* batches that broke a rule; each cost its pipe */
    uint64_t backlog_bytes; /* of records that are not acknowledged */
};

#endif
