#include "api/base/write_at_once.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdbool.h>
#include <stdio.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/uio.h>
#include <unistd.h>

/*
 * An open file of our own, for one write: if it were kept, the reader would wait for its end, too.
 * -1: none.
 */
static int
open_anew(int fd)
{
    char path[32];
    snprintf(path, sizeof path, "/proc/self/fd/%d", fd);
    int own = open(path, O_WRONLY | O_NONBLOCK | O_NOCTTY | O_CLOEXEC);
    if (own >= 0 && own <= STDERR_FILENO) {
        int above = fcntl(own, F_DUPFD_CLOEXEC, STDERR_FILENO + 1);
        close(own);
        own = above;
    }
    return own;
}

/*
 * For what cannot be opened anew: another user's terminal, or no /proc. One that poll() finds ready
 * takes a small piece, if no other writer comes between.
 */
static ssize_t
write_small(int fd, const void *bytes, size_t size)
{
    enum { PIECE = 64 };
    struct pollfd out = {.fd = fd, .events = POLLOUT};
    if (poll(&out, 1, 0) != 1) {
        errno = EAGAIN;
        return -1;
    }
    return write(fd, bytes, size < PIECE ? size : PIECE);
}

static ssize_t
write_anew(int fd, const void *bytes, size_t size)
{
    int own = open_anew(fd);
    if (own < 0) {
        return write_small(fd, bytes, size);
    }
    ssize_t wrote = write(own, bytes, size);
    int number = errno;
    close(own);
    errno = number;
    return wrote;
}

/* Terminals, some sockets, and pipes of Linux before 6.4 know no RWF_NOWAIT, nor do some files. */
ssize_t
lode_write_at_once(int fd, const void *bytes, size_t size)
{
    const struct iovec part = {(void *)bytes, size};
    struct stat file;
    ssize_t wrote = pwritev2(fd, &part, 1, -1, RWF_NOWAIT);
    int number = errno;
    if (wrote >= 0 || fstat(fd, &file) != 0) {
        return wrote;
    }
    bool is_unknown = number == EOPNOTSUPP || number == EINVAL || number == ENOSYS;
    errno = number;
    if (S_ISREG(file.st_mode) || S_ISBLK(file.st_mode)) { /* waits for a disk at most */
        return is_unknown || number == EAGAIN ? write(fd, bytes, size) : -1;
    }
    if (!is_unknown) {
        return -1;
    }
    return S_ISSOCK(file.st_mode) ? send(fd, bytes, size, MSG_DONTWAIT)
                                  : write_anew(fd, bytes, size);
}
