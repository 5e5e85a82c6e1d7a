#include "api/client/output/task_output.h"

#include "api/base/clock.h"
#include "api/base/printable.h"
#include "api/client/output/sink.h"
#include "api/cluster/files.h"
#include "api/cluster/log_file.h"

#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

/*
 * What stderr has not taken yet, of all sessions. lode_task_output_write() writes it for INLINE_NS.
 * What is left then is the thread's, which takes all of `kept` and writes it without the mutex.
 */
enum {
    KEPT_FIRST = 64 << 10,
    KEPT_OVER = 32 << 10, /* so much is written before the last of the records has come */
    HEADING_BYTES = 1024,
    INLINE_NS = 2000000,
    STACK_BYTES = 64 << 10
};
static pthread_mutex_t printing = PTHREAD_MUTEX_INITIALIZER;
static pthread_cond_t all_shown = PTHREAD_COND_INITIALIZER;
static char *kept; /* malloc'ed; this and all below: printing */
static size_t kept_size, kept_room;
static unsigned lost;            /* lines that found no room, since the last that did */
static unsigned lost_whole;      /* of these, those that are not in the log either */
static bool showing;             /* the thread runs */
static bool looked;              /* the next one is known, for lines that come together */
static bool on_terminal;         /* stderr is one */
static _Atomic size_t shown_of;  /* bytes that the thread has, and stderr has not */
static _Atomic bool is_given_up; /* the thread is to end: nobody waits for stderr any longer */

/* ---- writing -------------------------------------------------------------------------------- */

static void
write_kept_locked(void)
{
    bool many = lode_sink_takes_many();
    int64_t until = lode_now_ns() + INLINE_NS;
    size_t done = 0, wrote = 1;
    while (done < kept_size && wrote > 0 && lode_now_ns() < until) {
        wrote = lode_sink_write(kept + done, kept_size - done, many);
        done += wrote;
    }
    kept_size -= done;
    if (kept_size > 0) {
        memmove(kept, kept + done, kept_size);
    } else if (kept_room > KEPT_FIRST) {
        free(kept);
        kept = NULL;
        kept_room = 0;
    }
}

/* ---- what finds no room --------------------------------------------------------------------- */

static unsigned
count_lines(const char *text, size_t size)
{
    unsigned lines = 0;
    const char *end = text + size;
    for (; text < end; lines++) {
        const char *feed = memchr(text, '\n', (size_t)(end - text));
        text = feed != NULL ? feed + 1 : end;
    }
    return lines;
}

static void
lose_locked(const char *logs, const char *who, const char *text, size_t size)
{
    unsigned lines = count_lines(text, size);
    struct lode_sink_shelter shelter;
    lost += lines;
    lode_sink_take_shelter(&shelter);
    if (lode_log_file_entry(logs, LODE_FILE_OUTPUT_LOG, who, text, size) != LODE_OK) {
        lost_whole += lines;
    }
    lode_sink_leave_shelter(&shelter);
}

/* Lines that have their headings already. */
static void
lose_kept_locked(const char *logs, const char *text, size_t size)
{
    char who[64];
    snprintf(who, sizeof who, "lode pid=%d", (int)getpid());
    lose_locked(logs, who, text, size);
}

/* ---- the thread ------------------------------------------------------------------------------ */

/* Writes as much as stderr takes until somebody gives up. Gives how much that was. */
static size_t
show_bytes(const char *bytes, size_t size)
{
    bool many = lode_sink_takes_many();
    size_t done = 0;
    while (done < size && !atomic_load(&is_given_up)) {
        size_t wrote = lode_sink_write(bytes + done, size - done, many);
        done += wrote;
        atomic_store(&shown_of, size - done);
        if (wrote == 0) {
            lode_sink_await_room();
        }
    }
    return done;
}

static void *
show(void *arg)
{
    const char *logs = arg;
    pthread_mutex_lock(&printing);
    while (kept_size > 0 && !atomic_load(&is_given_up)) {
        char *bytes = kept;
        size_t size = kept_size;
        kept = NULL;
        kept_size = kept_room = 0;
        atomic_store(&shown_of, size);
        pthread_mutex_unlock(&printing);
        size_t done = show_bytes(bytes, size);
        pthread_mutex_lock(&printing);
        if (done < size) {
            lose_kept_locked(logs, bytes + done, size - done);
        }
        atomic_store(&shown_of, 0);
        free(bytes);
    }
    showing = false;
    pthread_cond_broadcast(&all_shown);
    pthread_mutex_unlock(&printing);
    free(arg);
    return NULL;
}

/* A small stack, or the usual one where the program's thread-local variables fill that. */
static bool
start_showing(char *logs)
{
    pthread_attr_t attr;
    pthread_t thread;
    pthread_attr_init(&attr);
    pthread_attr_setdetachstate(&attr, PTHREAD_CREATE_DETACHED);
    size_t usual_bytes;
    pthread_attr_getstacksize(&attr, &usual_bytes);
    pthread_attr_setstacksize(&attr, STACK_BYTES);
    bool failed = pthread_create(&thread, &attr, show, logs) != 0;
    if (failed) {
        pthread_attr_setstacksize(&attr, usual_bytes);
        failed = pthread_create(&thread, &attr, show, logs) != 0;
    }
    pthread_attr_destroy(&attr);
    return !failed;
}

/*
 * It takes no signals, so that a reader that has ended does not strike the program. Without a
 * thread, the next line tries again.
 */
static void
start_thread_locked(const char *logs)
{
    sigset_t all, before;
    char *copy = strdup(logs);
    if (copy == NULL) {
        return;
    }
    atomic_store(&is_given_up, false);
    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, &before);
    showing = start_showing(copy);
    pthread_sigmask(SIG_SETMASK, &before, NULL);
    if (!showing) {
        free(copy);
    }
}

/* ---- lines ---------------------------------------------------------------------------------- */

/* Room for so many bytes behind what is kept; NULL: there is none. */
static char *
room_locked(size_t size)
{
    size_t room = kept_room > 0 ? kept_room : KEPT_FIRST;
    if (kept_size + size + atomic_load(&shown_of) > LODE_OUTPUT_KEPT_MAX) {
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

/* What follows "… N lines are left out here: ". */
static int
write_where(char *out, unsigned count, unsigned in_no_log, const char *log)
{
    if (in_no_log >= count) {
        return snprintf(out, HEADING_BYTES, "lost, for %s did not take them\n", log);
    }
    if (in_no_log > 0) {
        return snprintf(out, HEADING_BYTES, "see %s, which lacks %u of them\n", log, in_no_log);
    }
    return snprintf(out, HEADING_BYTES, "see %s\n", log);
}

/* Lines that the scheduler has left out; `where` is the log's path. */
static void
keep_missing_locked(const struct lode_task_output *head, const char *name, const char *where)
{
    char log[LODE_PATH_MAX + 64];
    char *room = room_locked(3 * HEADING_BYTES);
    if (room == NULL) {
        lost += head->dropped;
        lost_whole += head->lost;
        return;
    }
    size_t used = write_heading(room, head, name);
    int said =
        snprintf(room + used, HEADING_BYTES, "… %u lines are left out here: ", head->dropped);
    used += at_most(said, HEADING_BYTES);
    snprintf(log, sizeof log, "%.*s", (int)head->text_size, where);
    said = write_where(room + used, head->dropped, head->lost, log);
    kept_size += used + at_most(said, HEADING_BYTES);
}

/* Says how many lines are lost, as soon as there is room for it. */
static void
keep_lost_locked(const char *logs)
{
    char log[LODE_PATH_MAX + 64];
    char *room = lost > 0 ? room_locked(2 * HEADING_BYTES) : NULL;
    if (room != NULL) {
        int said = snprintf(room, HEADING_BYTES,
                            "(lode pid=%d) … %u lines are left out here: nobody read stderr: ",
                            (int)getpid(), lost);
        size_t used = at_most(said, HEADING_BYTES);
        snprintf(log, sizeof log, "%s/" LODE_FILE_OUTPUT_LOG, logs);
        said = write_where(room + used, lost, lost_whole, log);
        kept_size += used + at_most(said, HEADING_BYTES);
        lost = lost_whole = 0;
    }
}

/* A heading that was written before, and a line. False: there is no room for the line. */
static bool
keep_line_locked(const char *heading, size_t heading_size, const char *line, size_t size,
                 bool is_terminal)
{
    size_t most = size * (is_terminal ? LODE_PRINTABLE_GROWTH : 1);
    char *room = room_locked(heading_size + most + 2);
    if (room == NULL) {
        return false;
    }
    memcpy(room, heading, heading_size);
    size_t used = heading_size + copy_line(room + heading_size, line, size, is_terminal);
    room[used] = '\n';
    kept_size += used + 1;
    return true;
}

/* The log has the heading once. */
static void
lose_text_locked(const struct lode_task_output *head, const char *name, const char *text,
                 size_t size, const char *logs)
{
    char who[LODE_TASK_NAME_MAX + 64];
    snprintf(who, sizeof who, "%.*s pid=%lld", (int)head->name_size, name, (long long)head->pid);
    lose_locked(logs, who, text, size);
}

/* The thread has its turn if it runs, or if stderr takes too long. */
static void
show_kept_locked(const char *logs)
{
    struct lode_sink_shelter shelter;
    looked = false;
    if (showing || kept_size == 0) {
        return;
    }
    lode_sink_take_shelter(&shelter);
    write_kept_locked();
    if (kept_size > 0) {
        start_thread_locked(logs);
    }
    lode_sink_leave_shelter(&shelter);
}

static void
keep_locked(const struct lode_task_output *head, const char *name, const char *text,
            const char *logs)
{
    char heading[HEADING_BYTES];
    size_t heading_size = write_heading(heading, head, name);
    const char *end = text + head->text_size;
    keep_lost_locked(logs);
    if (head->dropped > 0) {
        keep_missing_locked(head, name, text);
    }
    while (text < end && !(head->flags & LODE_OUTPUT_DROPPED)) {
        const char *feed = memchr(text, '\n', (size_t)(end - text));
        size_t size = (size_t)((feed != NULL ? feed : end) - text);
        if (lost > 0 || !keep_line_locked(heading, heading_size, text, size, on_terminal)) {
            lose_text_locked(head, name, text, (size_t)(end - text), logs);
            break;
        }
        text += size + 1;
    }
}

void
lode_task_output_print(const struct lode_task_output *head, const char *name, const char *text,
                       const char *logs)
{
    pthread_mutex_lock(&printing);
    if (!looked) {
        on_terminal = lode_sink_is_terminal();
        looked = true;
    }
    keep_locked(head, name, text, logs);
    if (kept_size >= KEPT_OVER) {
        show_kept_locked(logs);
    }
    pthread_mutex_unlock(&printing);
}

void
lode_task_output_write(const char *logs)
{
    pthread_mutex_lock(&printing);
    show_kept_locked(logs);
    pthread_mutex_unlock(&printing);
}

/* The thread, if there is one, ends soon: it never waits for longer than lode_sink_await_room(). */
static void
give_up_locked(const char *logs)
{
    atomic_store(&is_given_up, true);
    while (showing) {
        pthread_cond_wait(&all_shown, &printing);
    }
    atomic_store(&is_given_up, false);
    if (kept_size > 0) {
        lose_kept_locked(logs, kept, kept_size);
        free(kept);
        kept = NULL;
        kept_size = kept_room = 0;
    }
}

void
lode_task_output_flush(int64_t timeout_ms, const char *logs)
{
    int64_t deadline = lode_deadline(timeout_ms);
    const struct timespec until = {deadline / 1000000000, deadline % 1000000000};
    struct lode_sink_shelter shelter;
    pthread_mutex_lock(&printing);
    lode_sink_take_shelter(&shelter);
    keep_lost_locked(logs);
    show_kept_locked(logs);
    while (showing &&
           pthread_cond_clockwait(&all_shown, &printing, CLOCK_MONOTONIC, &until) != ETIMEDOUT) {
    }
    if (showing || kept_size > 0) {
        give_up_locked(logs);
    }
    keep_lost_locked(logs);
    write_kept_locked(); /* that lines are missing; if stderr takes it now */
    lode_sink_leave_shelter(&shelter);
    pthread_mutex_unlock(&printing);
}
