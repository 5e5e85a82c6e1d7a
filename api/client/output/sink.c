#include "api/client/output/sink.h"

#include "api/base/write_at_once.h"

#include <errno.h>
#include <limits.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

/* 0: nothing is there. */
static mode_t
type_of(int fd)
{
    struct stat file;
    return fd < 0 || fstat(fd, &file) != 0 ? 0 : file.st_mode & S_IFMT;
}

bool
lode_sink_is_terminal(void)
{
    int fd = fileno(stderr);
    return type_of(fd) == S_IFCHR && isatty(fd) == 1;
}

bool
lode_sink_takes_many(void)
{
    mode_t type = type_of(fileno(stderr));
    return type == S_IFIFO || type == S_IFREG;
}

static size_t
write_some(const char *bytes, size_t size)
{
    int fd = fileno(stderr);
    ssize_t wrote = fd < 0 ? (ssize_t)size : lode_write_at_once(fd, bytes, size);
    if (wrote < 0) {
        return errno == EAGAIN || errno == EINTR ? 0 : size;
    }
    return (size_t)wrote;
}

size_t
lode_sink_write(const char *bytes, size_t size, bool many)
{
    size_t most = size < PIPE_BUF ? size : PIPE_BUF;
    const char *feed = many ? memrchr(bytes, '\n', most) : NULL;
    if (feed == NULL) {
        feed = memchr(bytes, '\n', size);
    }
    return write_some(bytes, feed != NULL ? (size_t)(feed + 1 - bytes) : size);
}

void
lode_sink_await_room(void)
{
    enum { SLICE_MS = 50, PAUSE_MS = 2 };
    struct pollfd out = {.fd = fileno(stderr), .events = POLLOUT};
    if (poll(&out, 1, SLICE_MS) > 0) {
        poll(NULL, 0, PAUSE_MS);
    }
}

void
lode_sink_take_shelter(struct lode_sink_shelter *shelter)
{
    sigset_t pending;
    sigemptyset(&shelter->risen);
    sigaddset(&shelter->risen, SIGPIPE);
    sigaddset(&shelter->risen, SIGXFSZ);
    sigpending(&pending);
    shelter->was_pending =
        sigismember(&pending, SIGPIPE) == 1 || sigismember(&pending, SIGXFSZ) == 1;
    pthread_sigmask(SIG_BLOCK, &shelter->risen, &shelter->before);
}

void
lode_sink_leave_shelter(const struct lode_sink_shelter *shelter)
{
    const struct timespec none = {0};
    while (!shelter->was_pending && sigtimedwait(&shelter->risen, NULL, &none) > 0) {
    }
    pthread_sigmask(SIG_SETMASK, &shelter->before, NULL);
}
