/*
 * source.h: what the loop's epoll tells of: a descriptor, and the function that handles its events.
 */
#ifndef LODE_STORE_STATE_SOURCE_H
#define LODE_STORE_STATE_SOURCE_H

#include <lode/error.h>

#include <sys/epoll.h>

struct store;

struct source {
    void (*ready)(struct store *store, struct source *source, uint32_t events);
};

/* Adds a descriptor to the loop's epoll; closing it takes it out. Errors: LODE_ESYS. */
LODE_MUST_CHECK lode_err store_watch_fd(struct store *store, int fd, uint32_t events,
                                        struct source *source);

#endif
