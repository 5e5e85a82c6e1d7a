#include "api/base/log.h"

#include "api/base/log_budget.h"

#include <poll.h>
#include <pthread.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdio.h>
#include <sys/uio.h>
#include <time.h>
#include <unistd.h>

static const char *program_name = "lode";
static atomic_uint lost_lines; /* since the last line that stderr took */

/*
 * Pipes of Linux before 6.4 and terminals know no RWF_NOWAIT: they are asked first. A pipe that
 * says yes has a page free, and a line is shorter. O_NONBLOCK would not do: it belongs to the
 * pipe's end, which other programs have, too.
 */
static bool
write_at_once(char *line, size_t size)
{
    struct iovec part = {line, size};
    struct pollfd out = {.fd = STDERR_FILENO, .events = POLLOUT};
    return pwritev2(STDERR_FILENO, &part, 1, -1, RWF_NOWAIT) >= 0 ||
           (poll(&out, 1, 0) == 1 && (out.revents & POLLOUT) != 0 &&
            write(STDERR_FILENO, line, size) >= 0);
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
    if (!write_at_once(line, used)) {
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
    if (!write_at_once(line, used)) {
        atomic_fetch_add(&lost_lines, 1);
    }
}
