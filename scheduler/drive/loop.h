/*
 * loop.h: the main thread's epoll. A source is a descriptor and a function that is called when it
 * is ready. It is part of the struct that it belongs to. One event is handled at a time, so that a
 * source may free itself, or another one, in its callback.
 */
#ifndef LODE_SCHEDULER_LOOP_H
#define LODE_SCHEDULER_LOOP_H

#include <lode/error.h>

struct loop_source {
    int fd;
    void (*ready)(struct loop_source *source, uint32_t events);
};

struct loop {
    int epoll_fd;
    bool stop; /* set by a callback: loop_run() returns after it */
};

LODE_MUST_CHECK lode_err loop_init(struct loop *loop);

/* Watches source->fd for EPOLLIN (and its end) level-triggered, or other events. */
LODE_MUST_CHECK lode_err loop_add(struct loop *loop, struct loop_source *source, uint32_t events);
void loop_change(struct loop *loop, struct loop_source *source, uint32_t events);

/* Leaves the source alone until it is added again. */
void loop_pause(struct loop *loop, struct loop_source *source);

/* Forgets the source and closes its descriptor; one that is closed already (-1) does nothing. */
void loop_close(struct loop *loop, struct loop_source *source);

/* Sleeps and handles events until `stop`. Errors: LODE_ESYS. */
LODE_MUST_CHECK lode_err loop_run(struct loop *loop);

/* The struct that a member is part of. */
#define CONTAINER_OF(pointer, type, member)                                                        \
    ((type *)(void *)((char *)(pointer)-offsetof(type, member)))

#endif
