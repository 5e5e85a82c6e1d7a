#include "scheduler/drive/loop.h"

#include "api/base/fail.h"

#include <errno.h>
#include <sys/epoll.h>
#include <unistd.h>

lode_err
loop_init(struct loop *loop)
{
    loop->stop = false;
    loop->epoll_fd = epoll_create1(EPOLL_CLOEXEC);
    return loop->epoll_fd < 0 ? lode_fail_errno("cannot make an epoll instance") : LODE_OK;
}

lode_err
loop_add(struct loop *loop, struct loop_source *source, uint32_t events)
{
    struct epoll_event event = {.events = events, .data.ptr = source};
    if (epoll_ctl(loop->epoll_fd, EPOLL_CTL_ADD, source->fd, &event) != 0) {
        return lode_fail_errno("cannot watch descriptor %d", source->fd);
    }
    return LODE_OK;
}

void
loop_change(struct loop *loop, struct loop_source *source, uint32_t events)
{
    struct epoll_event event = {.events = events, .data.ptr = source};
    (void)epoll_ctl(loop->epoll_fd, EPOLL_CTL_MOD, source->fd, &event);
}

void
loop_pause(struct loop *loop, struct loop_source *source)
{
    (void)epoll_ctl(loop->epoll_fd, EPOLL_CTL_DEL, source->fd, NULL);
}

void
loop_close(struct loop *loop, struct loop_source *source)
{
    if (source->fd >= 0) {
        (void)epoll_ctl(loop->epoll_fd, EPOLL_CTL_DEL, source->fd, NULL);
        close(source->fd);
        source->fd = -1;
    }
}

lode_err
loop_run(struct loop *loop)
{
    while (!loop->stop) {
        struct epoll_event event;
        int count = epoll_wait(loop->epoll_fd, &event, 1, -1);
        if (count < 0 && errno != EINTR) {
            return lode_fail_errno("cannot wait for events");
        }
        if (count == 1) {
            struct loop_source *source = event.data.ptr;
            source->ready(source, event.events);
        }
    }
    return LODE_OK;
}
