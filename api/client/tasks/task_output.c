#include "api/client/tasks/task_output.h"

#include "api/base/clock.h"
#include "api/base/printable.h"
#include "api/base/write_at_once.h"

#include <errno.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

/*
 * What stderr has not taken yet. The threads of all sessions print, one at a time; none waits while
 * it has the mutex. The lines wait for a stderr that takes nothing, together, for STALL_MS.
 */
enum { KEPT_BYTES = 1 << 20, KEPT_FIRST = 32 << 10, HEADING_BYTES = 512, STALL_MS = 1000 };
static pthread_mutex_t printing = PTHREAD_MUTEX_INITIALIZER;
static char *kept; /* malloc'ed while there is something; this and all below: printing */
static size_t kept_size, kept_room;
static unsigned lost;       /* lines that found no room, since the last that did */
static int64_t stall_until; /* so long lines wait for what is kept; 0: nothing is */

/* ---- writing -------------------------------------------------------------------------------- */

/* A stderr that is closed, or that nobody can read any more, takes all. */
static size_t
write_some(const char *bytes, size_t size)
{
    ssize_t wrote =
        fileno(stderr) < 0 ? (ssize_t)size : lode_write_at_once(fileno(stderr), bytes, size);
    if (wrote < 0) {
        return errno == EAGAIN || errno == EINTR ? 0 : size;
    }
    return (size_t)wrote;
}

static void
write_kept_locked(void)
{
    size_t done = 0, wrote = 1;
    while (done < kept_size && wrote > 0) {
        wrote = write_some(kept + done, kept_size - done);
        done += wrote;
    }
    kept_size -= done;
    if (kept_size == 0) {
        free(kept);
        kept = NULL;
        kept_room = 0;
        stall_until = 0;
        return;
    }
    memmove(kept, kept + done, kept_size);
    stall_until = stall_until != 0 ? stall_until : lode_deadline(STALL_MS);
}

/*
 * write_kept_locked() on any thread. A reader that has ended must not strike the program with a
 * SIGPIPE, nor a file that may not grow with a SIGXFSZ.
 */
static void
write_unstruck_locked(void)
{
    const struct timespec none = {0};
    sigset_t risen, before, pending;
    sigemptyset(&risen);
    sigaddset(&risen, SIGPIPE);
    sigaddset(&risen, SIGXFSZ);
    sigpending(&pending);
    bool was_pending = sigismember(&pending, SIGPIPE) == 1 || sigismember(&pending, SIGXFSZ) == 1;
    pthread_sigmask(SIG_BLOCK, &risen, &before);
    write_kept_locked();
    while (!was_pending && sigtimedwait(&risen, NULL, &none) > 0) {
    }
    pthread_sigmask(SIG_SETMASK, &before, NULL);
}

/* Waits for a stderr that may take something; without the mutex. One that says so may not. */
static void
await_room(int64_t deadline)
{
    enum { SLICE_MS = 50, PAUSE_MS = 2 };
    struct pollfd out = {.fd = fileno(stderr), .events = POLLOUT};
    int64_t left = lode_remaining_ms(deadline);
    if (poll(&out, 1, left < SLICE_MS ? (int)left : SLICE_MS) > 0) {
        poll(NULL, 0, PAUSE_MS);
    }
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

/*
 * A file or a pipe gets the bytes as the task wrote them. On a terminal they are shown escaped: it
 * is the program's, and a task is not to drive it. Returns the length.
 */
static size_t
copy_line(char *out, const char *line, size_t size, bool is_terminal)
{
    if (is_terminal) {
        return lode_printable(line, size, LODE_PRINTABLE_TABS, out,
                              LODE_PRINTABLE_GROWTH * size + 1);
    }
    memcpy(out, line, size);
    return size;
}

static size_t
at_most(int said, size_t room)
{
    return said < 0 ? 0 : (size_t)said < room ? (size_t)said : room - 1;
}

/* "(name pid=N) ", into HEADING_BYTES; returns the length. */
static size_t
write_heading(char *out, const struct lode_task_output *head, const char *name)
{
    char shown[HEADING_BYTES - 64];
    lode_printable(name, head->name_size, 0, shown, sizeof shown);
    return at_most(snprintf(out, HEADING_BYTES, "(%s pid=%lld) ", shown, (long long)head->pid),
                   HEADING_BYTES);
}

static void
keep_missing_locked(const struct lode_task_output *head, const char *name)
{
    char *room = room_locked(2 * HEADING_BYTES);
    if (room == NULL) {
        lost += head->dropped;
        return;
    }
    size_t used = write_heading(room, head, name);
    kept_size += used + at_most(snprintf(room + used, HEADING_BYTES,
                                         "… %u lines are left out here\n", head->dropped),
                                HEADING_BYTES);
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
    bool is_terminal = isatty(fileno(stderr)) == 1;
    size_t size = (size_t)head->line_size * (is_terminal ? LODE_PRINTABLE_GROWTH : 1);
    char *room = room_locked(HEADING_BYTES + size + 1);
    if (room == NULL) {
        lost++;
        return;
    }
    size_t used = write_heading(room, head, name);
    used += copy_line(room + used, line, head->line_size, is_terminal);
    room[used] = '\n';
    kept_size += used + 1;
}

static void
keep_locked(const struct lode_task_output *head, const char *name, const char *line)
{
    if (lost > 0) {
        write_unstruck_locked();
    }
    keep_lost_locked();
    if (head->dropped > 0) {
        keep_missing_locked(head, name);
    }
    if (!(head->flags & LODE_OUTPUT_DROPPED)) {
        keep_line_locked(head, name, line);
    }
    write_unstruck_locked();
}

/* True: stderr has all. */
static bool
print_kept(void)
{
    pthread_mutex_lock(&printing);
    if (kept_size > 0 || lost > 0) {
        write_unstruck_locked();
        keep_lost_locked();
        write_unstruck_locked();
    }
    bool has_all = kept_size == 0;
    pthread_mutex_unlock(&printing);
    return has_all;
}

void
lode_task_output_print(const struct lode_task_output *head, const char *name, const char *line)
{
    pthread_mutex_lock(&printing);
    keep_locked(head, name, line);
    int64_t deadline = stall_until;
    pthread_mutex_unlock(&printing);
    while (deadline != 0 && lode_remaining_ms(deadline) > 0) {
        await_room(deadline);
        deadline = print_kept() ? 0 : deadline;
    }
}

void
lode_task_output_flush(int64_t timeout_ms)
{
    int64_t deadline = lode_deadline(timeout_ms);
    while (!print_kept() && lode_remaining_ms(deadline) > 0) {
        await_room(deadline);
    }
}
