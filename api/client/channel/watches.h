/*
 * watches.h: the watches of a session, found by their cookies. A NOTIFY packet costs the same
 * however many watches there are: most belong to wait sets, in which nothing happens for hours.
 * Threads: one at a time (the calls' lock).
 */
#ifndef LODE_CLIENT_WATCHES_H
#define LODE_CLIENT_WATCHES_H

#include "api/wire/store_msg.h"

struct lode_waiter;

/*
 * A watch: NOTIFY packets with its cookie are handed to `notify` while some thread waits on the
 * socket, under the calls' lock, until it is removed.
 */
struct lode_watch {
    uint64_t cookie;
    void (*notify)(struct lode_watch *watch, const struct lode_msg_ready *ready, uint32_t count);
    bool done;                  /* set by notify: nothing more is waited for */
    struct lode_waiter *waiter; /* the thread that is woken when it is done; NULL: notify does it */
    struct lode_watch *next, *previous; /* in its bucket */
};

enum { LODE_WATCHES_FEW = 8 };

/* Zeroed: there is none. Cookies are consecutive numbers, so their low bits choose the bucket. */
struct lode_watches {
    struct lode_watch **buckets; /* NULL: `few` */
    struct lode_watch *few[LODE_WATCHES_FEW];
    uint64_t bucket_count; /* of `buckets`: a power of two */
    uint64_t count;
    uint64_t looked_at; /* watches, in all searches */
};

/* No two have the same cookie. Without memory for more buckets, searches become longer. */
void lode_watches_add(struct lode_watches *watches, struct lode_watch *watch);
void lode_watches_remove(struct lode_watches *watches, struct lode_watch *watch);

/* NULL: there is none. */
struct lode_watch *lode_watches_find(struct lode_watches *watches, uint64_t cookie);

/* There is none left. */
void lode_watches_fini(struct lode_watches *watches);

#endif
