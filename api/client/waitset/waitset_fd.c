#include "api/client/waitset/waitset_fd.h"

#include "api/base/fail.h"
#include "api/system/descriptor.h"

#include <stdint.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <unistd.h>

static bool
add(int epoll_fd, int fd)
{
    struct epoll_event event = {.events = EPOLLIN, .data.fd = fd};
    return epoll_ctl(epoll_fd, EPOLL_CTL_ADD, fd, &event) == 0;
}

lode_err
lode_waitset_fd_open(int fds[2], int socket_fd)
{
    if (fds[0] >= 0) {
        return LODE_OK;
    }
    int epoll_fd = epoll_create1(EPOLL_CLOEXEC), event_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    if (epoll_fd < 0 || event_fd < 0 || !add(epoll_fd, socket_fd) || !add(epoll_fd, event_fd)) {
        lode_err err = lode_fail_errno("cannot make the descriptor of a wait set");
        if (epoll_fd >= 0) {
            close(epoll_fd);
        }
        if (event_fd >= 0) {
            close(event_fd);
        }
        return err;
    }
    fds[0] = epoll_fd;
    fds[1] = event_fd;
    return LODE_OK;
}

/* A write that is too much, and a read of nothing, change nothing. */
void
lode_waitset_fd_show(const int fds[2], bool is_ready)
{
    uint64_t word = 1;
    if (fds[1] >= 0) {
        ssize_t done =
            is_ready ? write(fds[1], &word, sizeof word) : read(fds[1], &word, sizeof word);
        (void)done;
    }
}
