#include "api/base/descriptor.h"

#include <fcntl.h>
#include <stdint.h>
#include <sys/resource.h>
#include <unistd.h>

enum { STDIO = 3, HIGH = 900 }; /* HIGH: below the usual limit of 1,024 */

/* A close-on-exec copy at `lowest` or above takes the descriptor's place. False: there is no room. */
static bool
move(int *fd, int lowest)
{
    int moved = fcntl(*fd, F_DUPFD_CLOEXEC, lowest);
    if (moved < 0) {
        return false;
    }
    close(*fd);
    *fd = moved;
    return true;
}

static int
high_number(void)
{
    struct rlimit limit;
    if (getrlimit(RLIMIT_NOFILE, &limit) != 0 || limit.rlim_cur > HIGH) {
        return HIGH;
    }
    return limit.rlim_cur / 2 > STDIO ? (int)(limit.rlim_cur / 2) : STDIO;
}

int
lode_descriptor_hang_high(int fd)
{
    if (fd >= 0 && !move(&fd, high_number())) {
        fd = lode_descriptor_above_stdio(fd);
    }
    return fd;
}

int
lode_descriptor_above_stdio(int fd)
{
    if (fd >= 0 && fd < STDIO && !move(&fd, STDIO)) {
        return fd; /* every other number is in use: the program cannot open a file either */
    }
    return fd;
}

/*
 * Opens /dev/null, such that 0 cannot be read and 1 cannot be written: a program that tries fails as
 * if it were closed, and what it would have printed is not lost in silence. False: another thread was
 * faster, or there is no /dev/null.
 */
static bool
occupy(int fd, int flags)
{
    static const int modes[STDIO] = {O_WRONLY, O_RDONLY, O_RDWR};
    int null = fcntl(fd, F_GETFD) < 0 ? open("/dev/null", modes[fd] | flags) : -1;
    if (null >= 0 && null != fd) {
        close(null);
    }
    return null == fd;
}

void
lode_stdio_guard_begin(struct lode_stdio_guard *guard)
{
    for (int fd = 0; fd < STDIO; fd++) {
        guard->opened[fd] = occupy(fd, O_CLOEXEC);
    }
}

void
lode_stdio_guard_end(const struct lode_stdio_guard *guard)
{
    for (int fd = 0; fd < STDIO; fd++) {
        if (guard->opened[fd]) {
            close(fd);
        }
    }
}

void
lode_descriptor_fill_stdio(void)
{
    for (int fd = 0; fd < STDIO; fd++) {
        occupy(fd, 0);
    }
}
