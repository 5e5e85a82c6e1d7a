#include "api/base/log.h"

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

void
lode_log(const char *id, const char *format, ...)
{
    char line[1200];
    struct timespec now;
    struct tm local;
    va_list args;
    clock_gettime(CLOCK_REALTIME, &now);
    localtime_r(&now.tv_sec, &local);
    size_t used = strftime(line, sizeof line, "%F %T", &local);
    used += (size_t)snprintf(line + used, sizeof line - used, ".%03ld %s[%d] %s: ",
                             now.tv_nsec / 1000000, program_name, (int)getpid(), id);
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
