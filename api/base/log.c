#include "api/base/log.h"

#include "api/base/log_budget.h"
#include "api/base/write_at_once.h"

#include <pthread.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdio.h>
#include <time.h>
#include <unistd.h>

static const char *program_name = "lode";
static atomic_uint lost_lines; /* since the last line that stderr took */

/* What a terminal has taken of a line is not taken back, but the line is lost. */
static bool
say(const char *line, size_t size)
{
    return lode_write_at_once(STDERR_FILENO, line, size) == (ssize_t)size;
}

void
lode_log_init(const char *program)
{
    program_name = program;
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
    char line[1200];
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
    int n = vsnprintf(line + used, sizeof line - used - 1, format, args);
    va_end(args);
    if (n > 0) {
        size_t room = sizeof line - used - 2;
        used += (size_t)n < room ? (size_t)n : room;
    }
    line[used++] = '\n';
    if (!say(line, used)) {
        atomic_fetch_add(&lost_lines, lost + 1);
    }
}

void
lode_log_plain(const char *format, ...)
{
    char line[1200];
    va_list args;
    va_start(args, format);
    int n = vsnprintf(line, sizeof line - 1, format, args);
    va_end(args);
    size_t used = n < 0 ? 0 : (size_t)n < sizeof line - 1 ? (size_t)n : sizeof line - 2;
    line[used++] = '\n';
    if (!say(line, used)) {
        atomic_fetch_add(&lost_lines, 1);
    }
}
