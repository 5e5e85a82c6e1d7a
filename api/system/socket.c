#include "api/system/socket.h"

#include "api/system/descriptor.h"
#include "api/base/fail.h"
#include "api/system/limit.h"

#include <errno.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

static lode_err
fill_address(const char *path, struct sockaddr_un *address)
{
    size_t length = strlen(path);
    if (length == 0 || length >= sizeof address->sun_path) {
        return lode_fail_with(LODE_EINVAL,
                              "the socket path '%s' has %zu bytes; at most %zu can be used: "
                              "choose a shorter directory",
                              path, length, sizeof address->sun_path - 1);
    }
    memset(address, 0, sizeof *address);
    address->sun_family = AF_UNIX;
    memcpy(address->sun_path, path, length + 1);
    return LODE_OK;
}

static lode_err
open_socket(int flags, int *fd_out)
{
    int fd = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC | flags, 0);
    if (fd < 0) {
        return lode_fail_errno("cannot make a socket");
    }
    *fd_out = lode_descriptor_above_stdio(fd);
    return LODE_OK;
}

/* EAGAIN: so many wait there already that there is no room in the queue. */
bool
lode_socket_is_served(const char *path, pid_t *pid_out)
{
    struct sockaddr_un address;
    int fd = -1;
    if (fill_address(path, &address) != LODE_OK || open_socket(SOCK_NONBLOCK, &fd) != LODE_OK) {
        return false;
    }
    struct ucred peer = {.pid = 0};
    socklen_t size = sizeof peer;
    bool is_connected = connect(fd, (struct sockaddr *)&address, sizeof address) == 0;
    bool is_served = is_connected || errno == EAGAIN;
    if (is_connected && getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &peer, &size) != 0) {
        peer.pid = 0;
    }
    close(fd);
    *pid_out = peer.pid;
    return is_served;
}

lode_err
lode_socket_listen(const char *path, int *fd_out)
{
    struct sockaddr_un address;
    int fd = -1;
    pid_t pid = 0;
    LODE_TRY(fill_address(path, &address));
    LODE_TRY(open_socket(SOCK_NONBLOCK, &fd));
    if (lode_socket_is_served(path, &pid)) {
        close(fd);
        return lode_fail_with(LODE_ERUNNING, "somebody listens at '%s' already", path);
    }
    unlink(path);
    /* The directory is 0700, so nobody else connects between bind and chmod; and until listen()
     * every connect is refused. */
    if (bind(fd, (struct sockaddr *)&address, sizeof address) != 0 || chmod(path, 0600) != 0 ||
        listen(fd, 4096) != 0) {
        lode_err err = lode_fail_errno("cannot listen at '%s'", path);
        close(fd);
        return err;
    }
    *fd_out = fd;
    return LODE_OK;
}

enum { CONNECT_S = 5 };

static lode_err
err_of_connect(const char *path)
{
    if (errno == ENOENT || errno == ECONNREFUSED || errno == ENOTDIR) {
        return lode_fail_with(LODE_EDOWN, "nothing listens at '%s'", path);
    }
    if (errno == EAGAIN) {
        return lode_fail_with(LODE_ETIMEDOUT,
                              "the daemon at '%s' has accepted nobody for %d s: it is stopped "
                              "(SIGSTOP), or very busy",
                              path, CONNECT_S);
    }
    return lode_fail_errno("cannot connect to '%s'", path);
}

/* A daemon that is stopped accepts nobody. Once its queue is full, a connect sleeps. */
lode_err
lode_socket_connect(const char *path, int *fd_out)
{
    struct sockaddr_un address;
    struct timeval most = {.tv_sec = CONNECT_S}, none = {.tv_sec = 0};
    int fd = -1, result;
    LODE_TRY(fill_address(path, &address));
    LODE_TRY(open_socket(0, &fd));
    result = setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &most, sizeof most);
    if (result == 0) {
        do {
            result = connect(fd, (struct sockaddr *)&address, sizeof address);
        } while (result != 0 && errno == EINTR);
    }
    if (result == 0) {
        result = setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &none, sizeof none);
    }
    if (result != 0) {
        lode_err err = err_of_connect(path);
        close(fd);
        return err;
    }
    *fd_out = fd;
    return LODE_OK;
}

union fd_control {
    struct cmsghdr align;
    char bytes[CMSG_SPACE(LODE_SOCKET_FDS_MAX * sizeof(int))];
};

static lode_err
err_of_send(void)
{
    switch (errno) {
    case EAGAIN:
        return LODE_EAGAIN;
    case EPIPE:
    case ECONNRESET:
    case ENOTCONN:
        return lode_fail_with(LODE_EDOWN, "the other side is gone");
    default:
        return lode_fail_errno("cannot send a packet");
    }
}

lode_err
lode_socket_send(int fd, const void *head, size_t head_size, const void *rest, size_t rest_size,
                 const int *fds, size_t fd_count)
{
    struct iovec parts[2] = {{(void *)head, head_size}, {(void *)rest, rest_size}};
    struct msghdr message = {.msg_iov = parts, .msg_iovlen = rest_size > 0 ? 2 : 1};
    union fd_control control;
    ssize_t sent;
    if (fd_count > LODE_SOCKET_FDS_MAX) {
        return lode_fail_with(LODE_EINVAL, "%zu descriptors in a packet", fd_count);
    }
    if (fd_count > 0) {
        memset(&control, 0, sizeof control);
        message.msg_control = control.bytes;
        message.msg_controllen = CMSG_SPACE(fd_count * sizeof(int));
        struct cmsghdr *header = CMSG_FIRSTHDR(&message);
        header->cmsg_level = SOL_SOCKET;
        header->cmsg_type = SCM_RIGHTS;
        header->cmsg_len = CMSG_LEN(fd_count * sizeof(int));
        memcpy(CMSG_DATA(header), fds, fd_count * sizeof(int));
    }
    do {
        sent = sendmsg(fd, &message, MSG_NOSIGNAL);
    } while (sent < 0 && errno == EINTR);
    return sent < 0 ? err_of_send() : LODE_OK;
}

lode_err
lode_socket_try_send(int fd, const void *head, size_t head_size, const void *rest, size_t rest_size)
{
    struct iovec parts[2] = {{(void *)head, head_size}, {(void *)rest, rest_size}};
    const struct msghdr message = {.msg_iov = parts, .msg_iovlen = rest_size > 0 ? 2 : 1};
    ssize_t sent;
    do {
        sent = sendmsg(fd, &message, MSG_NOSIGNAL | MSG_DONTWAIT);
    } while (sent < 0 && errno == EINTR);
    return sent < 0 ? err_of_send() : LODE_OK;
}

/* Every descriptor that came is either handed to the caller or closed: a peer may send many. */
static size_t
take_fds(struct msghdr *message, int *fds)
{
    size_t taken = 0;
    for (struct cmsghdr *h = CMSG_FIRSTHDR(message); h != NULL; h = CMSG_NXTHDR(message, h)) {
        if (h->cmsg_level != SOL_SOCKET || h->cmsg_type != SCM_RIGHTS) {
            continue;
        }
        size_t count = (h->cmsg_len - CMSG_LEN(0)) / sizeof(int);
        for (size_t i = 0; i < count; i++) {
            int fd;
            memcpy(&fd, CMSG_DATA(h) + i * sizeof(int), sizeof fd);
            if (fds != NULL && taken < LODE_SOCKET_FDS_MAX) {
                fds[taken++] = lode_descriptor_above_stdio(fd);
            } else {
                close(fd);
            }
        }
    }
    return taken;
}

lode_err
lode_socket_fail_lost(void)
{
    return lode_fail_no_descriptor("cannot take the descriptors that the other side sent");
}

void
lode_socket_close_fds(const int *fds, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        close(fds[i]);
    }
}

/* The kernel cuts what is more than we take, too. Then we have all that we take. */
static bool
has_lost_fds(const struct msghdr *message, const int *fds, size_t fd_count)
{
    return fds != NULL && (message->msg_flags & MSG_CTRUNC) != 0 && fd_count < LODE_SOCKET_FDS_MAX;
}

lode_err
lode_socket_receive(int fd, int flags, void *buffer, size_t room, size_t *size_out, int *fds,
                    size_t *fd_count_out)
{
    struct iovec part = {buffer, room};
    union fd_control control;
    struct msghdr message = {.msg_iov = &part,
                             .msg_iovlen = 1,
                             .msg_control = control.bytes,
                             .msg_controllen = sizeof control.bytes};
    ssize_t got;
    do {
        got = recvmsg(fd, &message, flags | MSG_CMSG_CLOEXEC);
    } while (got < 0 && errno == EINTR);
    if (got < 0) {
        return errno == EAGAIN       ? LODE_EAGAIN
               : errno == ECONNRESET ? lode_fail_with(LODE_EDOWN, "the other side is gone")
                                     : lode_fail_errno("cannot receive a packet");
    }
    size_t fd_count = take_fds(&message, got == 0 ? NULL : fds);
    if (got == 0) {
        return lode_fail_with(LODE_EDOWN, "the other side is gone");
    }
    if (message.msg_flags & MSG_TRUNC) {
        lode_socket_close_fds(fds, fd_count);
        return lode_fail_with(LODE_ETOOBIG, "a packet of more than %zu bytes", room);
    }
    bool lost = has_lost_fds(&message, fds, fd_count);
    if (lost) {
        lode_socket_close_fds(fds, fd_count);
        fd_count = 0;
    }
    *size_out = (size_t)got;
    if (fd_count_out != NULL) {
        *fd_count_out = fd_count;
    }
    return lost ? lode_socket_fail_lost() : LODE_OK;
}

lode_err
lode_socket_peer(int fd, pid_t *pid_out, uid_t *uid_out)
{
    struct ucred peer;
    socklen_t size = sizeof peer;
    if (getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &peer, &size) != 0) {
        return lode_fail_errno("cannot tell who the other side is");
    }
    *pid_out = peer.pid;
    *uid_out = peer.uid;
    return LODE_OK;
}
