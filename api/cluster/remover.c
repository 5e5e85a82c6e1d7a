#include "api/cluster/remover.h"

#include "api/base/clock.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdbool.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

/* A file that holds less is gone within some milliseconds: a process for it would cost more. */
#define LARGE_BYTES (INT64_C(64) << 20)

/* ---- names --------------------------------------------------------------------------------- */

/*
 * A descriptor that keeps the memory of a large file; -1: the file is small, or no regular one.
 * O_PATH has no effect on what it opens, and needs no right to read it.
 */
static int
open_large(int dir_fd, const char *name)
{
    struct stat file;
    int fd = openat(dir_fd, name, O_PATH | O_NOFOLLOW | O_CLOEXEC);
    if (fd >= 0 && (fstat(fd, &file) != 0 || !S_ISREG(file.st_mode) ||
                    (int64_t)file.st_blocks * 512 < LARGE_BYTES)) {
        close(fd);
        return -1;
    }
    return fd;
}

void
lode_remover_unlink(struct lode_remover *remover, int dir_fd, const char *name)
{
    int fd = remover->count < LODE_REMOVER_FILES_MAX ? open_large(dir_fd, name) : -1;
    unlinkat(dir_fd, name, 0);
    if (fd >= 0) {
        remover->fds[remover->count++] = fd;
    }
}

/* ---- memory -------------------------------------------------------------------------------- */

static void
close_files(struct lode_remover *remover)
{
    for (size_t i = 0; i < remover->count; i++) {
        close(remover->fds[i]);
    }
    remover->count = 0;
}

/* The least of our descriptors from `from` on; -1: there is none. */
static int
next_of(const struct lode_remover *remover, int end, int from)
{
    int least = end >= from ? end : -1;
    for (size_t i = 0; i < remover->count; i++) {
        int fd = remover->fds[i];
        if (fd >= from && (least < 0 || fd < least)) {
            least = fd;
        }
    }
    return least;
}

static void
close_all_others(const struct lode_remover *remover, int end)
{
    int from = 0, next;
    while ((next = next_of(remover, end, from)) >= 0) {
        if (next > from) {
            close_range((unsigned)from, (unsigned)next - 1, 0);
        }
        from = next + 1;
    }
    close_range((unsigned)from, ~0U, 0);
}

/*
 * The new process. It waits until all others have closed the files: otherwise one of these would
 * close them last.
 */
_Noreturn static void
free_memory(struct lode_remover *remover, int end)
{
    char byte;
    prctl(PR_SET_NAME, "lode-remover"); /* for those who look at the list of processes */
    close_all_others(remover, end);
    while (read(end, &byte, 1) < 0 && errno == EINTR) {
    }
    close_files(remover);
    _exit(0);
}

/*
 * Starts the new process by way of another one, which ends at once: so ours has no child more that
 * it would have to reap. False: none could be started.
 */
static bool
start(struct lode_remover *remover, int *end_out)
{
    int ends[2], status = 0;
    if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends) != 0) {
        return false;
    }
    pid_t child = _Fork();
    if (child == 0) {
        if (_Fork() == 0) {
            free_memory(remover, ends[1]);
        }
        _exit(0);
    }
    while (child > 0 && waitpid(child, &status, 0) < 0 && errno == EINTR) {
    }
    close(ends[1]);
    if (child < 0) {
        close(ends[0]);
        return false;
    }
    *end_out = ends[0];
    return true;
}

/* Until the new process has ended, and so its end of the socket pair. */
static void
await_end(int end, int64_t deadline)
{
    struct pollfd poll_fd = {.fd = end, .events = POLLIN};
    int ready;
    do {
        ready = poll(&poll_fd, 1, (int)lode_remaining_ms(deadline));
    } while (ready < 0 && errno == EINTR);
}

void
lode_remover_finish(struct lode_remover *remover, int64_t deadline)
{
    int end;
    if (remover->count == 0) {
        return;
    }
    bool started = deadline != LODE_NEVER && start(remover, &end);
    close_files(remover);
    if (started) {
        shutdown(end, SHUT_WR); /* go on */
        await_end(end, deadline);
        close(end);
    }
}
