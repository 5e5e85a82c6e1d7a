#include "api/client/tasks/task_output.h"

#include "api/base/clock.h"

#include <errno.h>
#include <limits.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/uio.h>
#include <time.h>
#include <unistd.h>

/*
 * What stderr has not taken yet. The threads of all sessions print, one at a time. A stderr that
 * takes nothing holds up one line for STALL_MS, and those behind it not at all.
 */
enum { KEPT_BYTES = 1 << 20, KEPT_FIRST = 32 << 10, HEADING_BYTES = 512, STALL_MS = 1000 };
static pthread_mutex_t printing = PTHREAD_MUTEX_INITIALIZER;
static char *kept; /* malloc'ed while there is something; this and all below: printing */
static size_t kept_size, kept_room;
static unsigned lost;   /* lines that found no room, since the last that did */
static bool is_stalled; /* the last wait for stderr was in vain */

/* ---- writing -------------------------------------------------------------------------------- */

static bool
is_pipe(int fd)
{
    struct stat file;
    return fstat(fd, &file) == 0 && S_ISFIFO(file.st_mode);
}

/*
 * Writes what stderr takes before the deadline; returns how much, 0 for nothing. Pipes of Linux
 * before 6.4 and terminals know no RWF_NOWAIT. A pipe that poll() finds ready has a page free.
 */
static size_t
write_some(int fd, const char *bytes, size_t size, int64_t deadline)
{
    struct iovec part = {(char *)bytes, size};
    struct pollfd out = {.fd = fd, .events = POLLOUT};
    if (fd < 0) {
        return size;
    }
    ssize_t wrote = pwritev2(fd, &part, 1, -1, RWF_NOWAIT);
    if (wrote >= 0) {
        return (size_t)wrote;
    }
    int ready = poll(&out, 1, (int)lode_remaining_ms(deadline));
    if (ready <= 0) {
        return 0;
    }
    wrote = write(fd, bytes, size > PIPE_BUF && is_pipe(fd) ? PIPE_BUF : size);
    if (wrote < 0) { /* a stderr that is closed, or that nobody can read any more, takes all */
        return errno == EAGAIN || errno == EINTR ? 0 : size;
    }
    return (size_t)wrote;
}

static void
write_kept_locked(int64_t most_ms)
{
    int64_t deadline = lode_deadline(most_ms);
    size_t done = 0;
    while (done < kept_size) {
        size_t wrote = write_some(fileno(stderr), kept + done, kept_size - done, deadline);
        done += wrote;
        if (wrote == 0 && lode_remaining_ms(deadline) == 0) {
            break;
        }
    }
    if (done > 0 || most_ms > 0) {
        is_stalled = done == 0 && kept_size > 0;
    }
    kept_size -= done;
    if (kept_size == 0) {
        free(kept);
        kept = NULL;
        kept_room = 0;
    } else if (done > 0) {
        memmove(kept, kept + done, kept_size);
    }
}

/*
 * write_kept_locked() on any thread. A reader that has ended must not strike the program with a
 * SIGPIPE, nor a file that may not grow with a SIGXFSZ.
 */
static void
write_unstruck_locked(int64_t most_ms)
{
    const struct timespec none = {0};
    sigset_t risen, before, pending;
    sigemptyset(&risen);
    sigaddset(&risen, SIGPIPE);
    sigaddset(&risen, SIGXFSZ);
    sigpending(&pending);
    bool was_pending = sigismember(&pending, SIGPIPE) == 1 || sigismember(&pending, SIGXFSZ) == 1;
    pthread_sigmask(SIG_BLOCK, &risen, &before);
    write_kept_locked(most_ms);
    while (!was_pending && sigtimedwait(&risen, NULL, &none) > 0) {
    }
    pthread_sigmask(SIG_SETMASK, &before, NULL);
}

/* ---- lines ---------------------------------------------------------------------------------- */

/* Room for so many bytes behind what is kept; NULL: there is none. */
static char *
room_locked(size_t size)
{
    size_t room = kept_room > 0 ? kept_room : KEPT_FIRST;
    if (size > KEPT_BYTES - kept_size) {
        return NULL;
    }
    while (room < kept_size + size) {
        room *= 2;
    }
    if (room != kept_room) {
        char *grown = realloc(kept, room);
        if (grown == NULL) {
            return NULL;
        }
        kept = grown;
        kept_room = room;
    }
    return kept + kept_size;
}

/* Bytes that are not text must not drive the user's terminal. */
static void
copy_printable(char *out, const char *line, size_t size)
{
    for (size_t i = 0; i < size; i++) {
        unsigned char c = (unsigned char)line[i];
        out[i] = (char)(c >= ' ' || c == '\t' || c == '\033' ? c : '?');
    }
}

static size_t
at_most(int said, size_t room)
{
    return said < 0 ? 0 : (size_t)said < room ? (size_t)said : room - 1;
}

static void
keep_missing_locked(unsigned count, const char *name, int name_size, int64_t pid)
{
    char *room = room_locked(HEADING_BYTES);
    if (room == NULL) {
        lost += count;
        return;
    }
    int said = snprintf(room, HEADING_BYTES, "(%.*s pid=%lld) … %u lines are left out here\n",
                        name_size, name, (long long)pid, count);
    kept_size += at_most(said, HEADING_BYTES);
}

/* Says how many lines are lost, as soon as there is room for it. */
static void
keep_lost_locked(void)
{
    char *room = lost > 0 ? room_locked(HEADING_BYTES) : NULL;
    if (room != NULL) {
        int said = snprintf(room, HEADING_BYTES,
                            "(lode pid=%d) … %u lines are left out here: nobody read stderr\n",
                            (int)getpid(), lost);
        kept_size += at_most(said, HEADING_BYTES);
        lost = 0;
    }
}

static void
keep_line_locked(const struct lode_task_output *head, const char *name, const char *line)
{
    char *room = room_locked(HEADING_BYTES + (size_t)head->line_size + 1);
    if (room == NULL) {
        lost++;
        return;
    }
    size_t used = at_most(snprintf(room, HEADING_BYTES, "(%.*s pid=%lld) ", (int)head->name_size,
                                   name, (long long)head->pid),
                          HEADING_BYTES);
    copy_printable(room + used, line, head->line_size);
    room[used + head->line_size] = '\n';
    kept_size += used + head->line_size + 1;
}

void
lode_task_output_print(const struct lode_task_output *head, const char *name, const char *line)
{
    pthread_mutex_lock(&printing);
    if (lost > 0) {
        write_unstruck_locked(0);
    }
    keep_lost_locked();
    if (head->dropped > 0) {
        keep_missing_locked(head->dropped, name, (int)head->name_size, head->pid);
    }
    if (!(head->flags & LODE_OUTPUT_DROPPED)) {
        keep_line_locked(head, name, line);
    }
    write_unstruck_locked(is_stalled ? 0 : STALL_MS);
    pthread_mutex_unlock(&printing);
}

void
lode_task_output_flush(int64_t timeout_ms)
{
    pthread_mutex_lock(&printing);
    if (kept_size > 0 || lost > 0) {
        write_unstruck_locked(timeout_ms);
        keep_lost_locked();
        write_unstruck_locked(0);
    }
    pthread_mutex_unlock(&printing);
}
