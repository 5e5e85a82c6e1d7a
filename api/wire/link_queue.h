/*
 * link_queue.h: what one side of a link has to send: records in the shape in which they travel, in
 * the order of their numbers, kept until they are acknowledged. Private to the
 * link's own files.
 *
 *     head                          at, at_offset              tail
 *      |                                |                        |
 *   [ acked … acked+1 … | sent ][ … sent | sent+1 … ] [ … ] [ … last | room ]
 *
 * Invariant:  acked <= sent <= last;  highest >= sent is the highest number that was ever sent.
 * Threads: none of its own; the link's lock is held around every call.
 */
#ifndef LODE_WIRE_LINK_QUEUE_H
#define LODE_WIRE_LINK_QUEUE_H

#include "api/wire/link_types.h"

struct lode_link_chunk {
    struct lode_link_chunk *next;
    uint64_t first; /* number of its first record */
    uint32_t count;
    uint32_t used, room; /* bytes */
    uint32_t pad;
    uint64_t bytes[]; /* records, each filled to 8 */
};

struct lode_link_queue {
    struct lode_link_chunk *head, *tail;
    struct lode_link_chunk *at; /* where record sent + 1 is, or will be; NULL: in no chunk yet */
    uint32_t at_offset;
    uint64_t last, acked, sent, highest;
    size_t backlog_bytes;
};

void lode_link_queue_init(struct lode_link_queue *queue);
void lode_link_queue_fini(struct lode_link_queue *queue);

/* Appends a record of two parts. Errors: LODE_ELIMIT the backlog is full; LODE_ENOMEM. */
LODE_MUST_CHECK lode_err lode_link_queue_append(struct lode_link_queue *queue, uint16_t type,
                                                const void *head, uint32_t head_size,
                                                const void *rest, uint32_t rest_size);

/* The bytes, and the number, of the records that the next message should carry; 0: none wait. */
size_t lode_link_queue_next(const struct lode_link_queue *queue, uint32_t *count_out);

/* Copies these records, and counts them as sent. */
void lode_link_queue_take(struct lode_link_queue *queue, size_t bytes, void *bytes_out);

/* Forgets the records up to this number, which must not be above `highest`. */
void lode_link_queue_acknowledge(struct lode_link_queue *queue, uint64_t acked);

/* Has all records that are not acknowledged sent again. */
void lode_link_queue_rewind(struct lode_link_queue *queue);

static inline uint32_t
lode_link_record_bytes(uint32_t size)
{
    return (uint32_t)sizeof(struct lode_link_record) + ((size + 7u) & ~7u);
}

#endif
