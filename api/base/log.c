#include "api/base/log.h"

#include "api/base/log_budget.h"

#include <pthread.h>
#include <stdarg.h>
#include <stdio.h>
#include <time.h>
#include <unistd.h>

static const char *program_name = "lode";

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
    if (write(STDERR_FILENO, line, used) < 0) {
        return; /* nobody reads the log: the service goes on */
    }
}
