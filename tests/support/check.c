#include "tests/support/check.h"

#include <sched.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
enum { SLOWNESS = 8 };
#else
enum { SLOWNESS = 2 };
#endif

/* One write() a line: several processes of one test share stderr. */
static LODE_PRINTF(3, 0) void say(const char *file, int line, const char *format, va_list args)
{
    char text[2048];
    int used = snprintf(text, sizeof text, "%s:%d: ", file, line);
    int more = vsnprintf(text + used, sizeof text - (size_t)used, format, args);
    size_t size = (size_t)(used + more);
    if (size > sizeof text - 2) {
        size = sizeof text - 2;
    }
    text[size++] = '\n';
    if (write(STDERR_FILENO, text, size) < 0) {
        _exit(1);
    }
}

void
check_give_up(const char *file, int line, const char *format, ...)
{
    va_list args;
    va_start(args, format);
    say(file, line, format, args);
    va_end(args);
    fflush(NULL);
    _exit(1);
}

void
skip(const char *format, ...)
{
    va_list args;
    printf("SKIPPED: ");
    va_start(args, format);
    vprintf(format, args);
    va_end(args);
    printf("\n");
    fflush(NULL);
    _exit(TEST_SKIPPED);
}

void
check_err(const char *file, int line, const char *what, lode_err got, lode_err want)
{
    if (got != want) {
        check_give_up(file, line, "%s\n    gave %s (%s), want %s", what, lode_err_name(got),
                      got == LODE_OK ? "" : lode_last_error(), lode_err_name(want));
    }
}

void
check_true(const char *file, int line, const char *what, bool is)
{
    if (!is) {
        check_give_up(file, line, "not so: %s", what);
    }
}

static bool
holds(const char *sign, int64_t a, int64_t b)
{
    if (strcmp(sign, "==") == 0) {
        return a == b;
    }
    if (strcmp(sign, "!=") == 0) {
        return a != b;
    }
    return strcmp(sign, "<") == 0 ? a < b : a <= b;
}

void
check_numbers(const char *file, int line, const char *a_text, const char *sign, const char *b_text,
              int64_t a, int64_t b)
{
    if (!holds(sign, a, b)) {
        check_give_up(file, line, "not so: %s %s %s, which are %lld and %lld", a_text, sign, b_text,
                      (long long)a, (long long)b);
    }
}

void
check_text(const char *file, int line, const char *what, const char *text, const char *part)
{
    if (text == NULL || strstr(text, part) == NULL) {
        check_give_up(file, line, "%s is\n    \"%s\"\nwithout \"%s\"", what,
                      text == NULL ? "(null)" : text, part);
    }
}

int64_t
bound_ms(int64_t ms)
{
    return ms * SLOWNESS;
}

int64_t
now_ms(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (int64_t)t.tv_sec * 1000 + t.tv_nsec / 1000000;
}

int
usable_cpus(void)
{
    cpu_set_t cpus;
    return sched_getaffinity(0, sizeof cpus, &cpus) == 0 ? CPU_COUNT(&cpus) : 0;
}

long
count_argument(int argc, char **argv, int index, long usual)
{
    if (index >= argc) {
        return usual;
    }
    char *end;
    long count = strtol(argv[index], &end, 10);
    if (*end != '\0' || count <= 0) {
        give_up("'%s' is no count", argv[index]);
    }
    return count;
}
