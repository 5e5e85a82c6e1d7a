/*
 * outbox.h: packets that a client has not taken yet. They are kept, so that a slow client never
 * makes the loop wait. A client with OUTBOX_MAX bytes waiting is cut, since it has stopped reading.
 * So is one with OUTBOX_FDS_MAX descriptors waiting: the store can have only so many open, for
 * everybody.
 *
 * A client that reads its answers never has so many. Even the notices of LODE_SESSION_WAITS_MAX
 * watches fit, each in a packet of its own, if they all come while the client is stopped.
 *
 * The scheduler is not cut: when a session with millions of ids ends, the store tells it more at
 * once than it ever tells a client.
 */
#ifndef LODE_STORE_STATE_OUTBOX_H
#define LODE_STORE_STATE_OUTBOX_H

#include <lode/error.h>

enum {
    OUTBOX_MAX = 64 << 20,
    OUTBOX_FDS = 2,      /* of a packet */
    OUTBOX_FDS_MAX = 256 /* of all that wait */
};

struct outbox_packet;

struct outbox {
    struct outbox_packet *first, *last;
    size_t bytes, fd_count;
    bool unbounded; /* the scheduler's */
};

/*
 * Sends a packet of two parts at once, or keeps a copy of it and of its descriptors.
 * Errors: LODE_ELIMIT too much waits; LODE_EDOWN the client is gone; LODE_ENOMEM; LODE_ESYS.
 */
LODE_MUST_CHECK lode_err outbox_send(struct outbox *out, int fd, const void *head, size_t head_size,
                                     const void *rest, size_t rest_size, const int *fds,
                                     size_t fd_count);

/* Sends what waits, as far as the client takes it. Errors: LODE_EDOWN. */
LODE_MUST_CHECK lode_err outbox_flush(struct outbox *out, int fd);

static inline bool
outbox_is_empty(const struct outbox *out)
{
    return out->first == NULL;
}

void outbox_clear(struct outbox *out);

#endif
