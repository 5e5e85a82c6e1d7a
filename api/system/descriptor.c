#include "api/system/descriptor.h"

#include <fcntl.h>
#include <pthread.h>
#include <stdint.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

enum { STDIO = 3, HIGH = 900 }; /* HIGH: below the usual limit of 1,024 */

/*
 * A close-on-exec copy at `lowest` or above takes the descriptor's place. False: there is no room.
 */
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

int
lode_descriptor_high(void)
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
    if (fd >= 0 && !move(&fd, lode_descriptor_high())) {
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

/* ---- the guard ---- */

static struct {
    pthread_mutex_t mu;
    unsigned users; /* mu */
} guard = {.mu = PTHREAD_MUTEX_INITIALIZER};

/*
 * An O_PATH descriptor can be neither read nor written: a program that tries fails as if the number
 * were closed. It also tells ours from what the program may put there meanwhile: its log, or the
 * /dev/null of a daemon.
 */
static void
hold_closed_stdio(void)
{
    for (int fd = 0; fd < STDIO; fd++) {
        int path = fcntl(fd, F_GETFD) < 0 ? open("/", O_PATH | O_CLOEXEC) : -1;
        if (path >= 0 && path != fd) {
            close(path); /* another thread was faster */
        }
    }
}

static bool
is_root(int fd)
{
    struct stat here, root;
    return fstat(fd, &here) == 0 && stat("/", &root) == 0 && here.st_dev == root.st_dev &&
           here.st_ino == root.st_ino;
}

/* Last is what a file of the program's never is: few moments pass until the number is closed. */
static bool
is_held(int fd)
{
    int flags = is_root(fd) ? fcntl(fd, F_GETFL) : -1;
    return flags >= 0 && (flags & O_PATH) != 0;
}

void
lode_stdio_guard_begin(void)
{
    pthread_mutex_lock(&guard.mu);
    guard.users++;
    hold_closed_stdio();
    pthread_mutex_unlock(&guard.mu);
}

void
lode_stdio_guard_end(void)
{
    pthread_mutex_lock(&guard.mu);
    bool is_last = --guard.users == 0;
    for (int fd = 0; is_last && fd < STDIO; fd++) {
        if (is_held(fd)) {
            close(fd);
        }
    }
    pthread_mutex_unlock(&guard.mu);
}

/*
 * Opens /dev/null, such that 0 cannot be read and 1 cannot be written: a program that tries fails
 * as if it were closed, and what it would have printed is not lost in silence.
 */
static void
occupy(int fd)
{
    static const int modes[STDIO] = {O_WRONLY, O_RDONLY, O_RDWR};
    int null = fcntl(fd, F_GETFD) < 0 ? open("/dev/null", modes[fd]) : -1;
    if (null >= 0 && null != fd) {
        close(null);
    }
}

void
lode_descriptor_fill_stdio(void)
{
    for (int fd = 0; fd < STDIO; fd++) {
        occupy(fd);
    }
}
