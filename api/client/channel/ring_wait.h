/*
 * ring_wait.h: how a thread waits that found no credit for what it wants to put into the ring.
 *
 * Lack of credit does not mean that the store is full. Credit is whole pages. The slots of pages
 * that are in use by other small objects are none, and only a packet is served by such a slot. So
 * the thread waits for credit a moment, then asks by a packet that does not wait, and then waits
 * for credit longer. It keeps its place in the store's line (store/rings/line.h) all the while: if
 * it gave the place up for each packet, pages would never gather for a record that needs several.
 *
 *   lode_ring_wait_begin(&wait, …);
 *   do {
 *       try the ring, until wait.until; if that was LODE_EAGAIN, ask by a packet
 *   } while (there was no room, and lode_ring_wait_again(&wait));
 *   lode_ring_wait_end(&wait, whether the packet was served);
 */
#ifndef LODE_CLIENT_RING_WAIT_H
#define LODE_CLIENT_RING_WAIT_H

#include "api/client/channel/hooks.h"
#include "api/client/channel/ring.h"

struct lode_ring_wait {
    struct lode_ring *ring;
    const struct lode_hooks *hooks;
    int64_t deadline, until, slice_ns;
    bool is_blocked; /* the hooks were told so */
    lode_err err;    /* why the wait has ended before its time: the task was cancelled, say */
};

/*
 * Takes a place in the line for a record that needs so much. Where the last packet of this kind was
 * served, `until` is 0 at first: the thread asks by a packet before it waits at all.
 */
void lode_ring_wait_begin(struct lode_ring_wait *wait, struct lode_ring *ring,
                          const struct lode_hooks *hooks, const struct lode_ring_need *need,
                          int64_t deadline);

/*
 * False: the deadline has come, or the task is to wait no more (see wait->err). From the second
 * round on the hooks hear that the thread is blocked.
 */
bool lode_ring_wait_again(struct lode_ring_wait *wait);

/* The record needs less than it did: what the store gathers for it must be no more. */
void lode_ring_wait_needs(struct lode_ring_wait *wait, const struct lode_ring_need *need);

void lode_ring_wait_end(struct lode_ring_wait *wait, bool by_packet);

#endif
