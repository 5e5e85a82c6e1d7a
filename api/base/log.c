#include "api/base/log.h"

#include "api/base/log_budget.h"
#include "api/base/printable.h"
#include "api/base/write_at_once.h"

#include <pthread.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdio.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

enum { LINE_MAX_BYTES = 1200 };

static const char *program_name = "lode";
static _Atomic lode_log_fn taker; /* NULL: stderr takes all lines */
static atomic_uint lost_lines;    /* since the last line that stderr took */

/* What a terminal has taken of a line is not taken back, but the line is lost. */
static bool
say(const char *line, size_t size)
{
    return lode_write_at_once(STDERR_FILENO, line, size) == (ssize_t)size;
}

/*
 * Writes what is to be said behind `used` bytes of a line, and its line feed. Names and output of
 * other programs are part of it. Returns the length of the line.
 */
static LODE_PRINTF(3, 0) size_t
    finish_line(char line[LINE_MAX_BYTES], size_t used, const char *format, va_list args)
{
    char text[LINE_MAX_BYTES];
    int n = vsnprintf(text, sizeof text, format, args);
    if (n > 0) {
        used += lode_printable(text, strlen(text), LODE_PRINTABLE_TABS, line + used,
                               LINE_MAX_BYTES - used - 1);
    }
    line[used++] = '\n';
    return used;
}

void
lode_log_init(const char *program)
{
    program_name = program;
}

void
lode_log_divert(lode_log_fn take)
{
    atomic_store(&taker, take);
}

static bool
is_taken(const char *line, size_t size)
{
    lode_log_fn take = atomic_load(&taker);
    return take != NULL && take(line, size);
}

/* If another thread is in here the line is written at once: no thread waits for a log. */
static bool
may_say(const char *id, uint32_t *skipped_out)
{
    static pthread_mutex_t mutex = PTHREAD_MUTEX_INITIALIZER;
    static struct lode_log_budget budget; /* mutex */
    struct timespec now;
    *skipped_out = 0;
    if (pthread_mutex_trylock(&mutex) != 0) {
        return true;
    }
    clock_gettime(CLOCK_MONOTONIC, &now);
    bool may = lode_log_budget_allows(&budget, id, now.tv_sec, skipped_out);
    pthread_mutex_unlock(&mutex);
    return may;
}

void
lode_log(const char *id, const char *format, ...)
{
    char line[LINE_MAX_BYTES];
    struct timespec now;
    struct tm local;
    va_list args;
    uint32_t skipped;
    if (!may_say(id, &skipped)) {
        return;
    }
    clock_gettime(CLOCK_REALTIME, &now);
    localtime_r(&now.tv_sec, &local);
    size_t used = strftime(line, sizeof line, "%F %T", &local);
    used += (size_t)snprintf(line + used, sizeof line - used,
                             ".%03ld %s[%d] %s: ", now.tv_nsec / 1000000, program_name,
                             (int)getpid(), id);
    unsigned lost = atomic_exchange(&lost_lines, 0);
    if (lost > 0) {
        used += (size_t)snprintf(line + used, sizeof line - used,
                                 "(%u lines before are lost: nobody read stderr) ", lost);
    }
    if (skipped > 0) {
        used += (size_t)snprintf(line + used, sizeof line - used, "(%u more before) ", skipped);
    }
    va_start(args, format);
    used = finish_line(line, used, format, args);
    va_end(args);
    if (!is_taken(line, used) && !say(line, used)) {
        atomic_fetch_add(&lost_lines, lost + 1);
    }
}

void
lode_log_plain(const char *format, ...)
{
    char line[LINE_MAX_BYTES];
    va_list args;
    va_start(args, format);
    size_t used = finish_line(line, 0, format, args);
    va_end(args);
    if (!say(line, used)) {
        atomic_fetch_add(&lost_lines, 1);
    }
}
