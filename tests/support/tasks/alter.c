/* Tasks that change their process, and tell how it is. */
#include <lode/lode.h>

#include <errno.h>
#include <fcntl.h>
#include <fenv.h>
#include <locale.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/time.h>
#include <time.h>
#include <unistd.h>
#include <wchar.h>

static lode_err
all(lode_task *task)
{
    static const struct itimerval soon = {.it_value = {.tv_sec = 3600}};
    sigset_t set;
    char *home = getenv("HOME");
    sigemptyset(&set);
    sigaddset(&set, SIGUSR2);
    if (home != NULL && home[0] != '\0') {
        home[0] = '#';
    }
    bool done = chdir("/") == 0 && setenv("LODE_TEST_ALTERED", "1", 1) == 0 &&
                unsetenv("PATH") == 0 && setlocale(LC_ALL, "C.UTF-8") != NULL &&
                signal(SIGUSR1, SIG_IGN) != SIG_ERR && signal(SIGALRM, SIG_IGN) != SIG_ERR &&
                sigprocmask(SIG_BLOCK, &set, NULL) == 0 && setitimer(ITIMER_REAL, &soon, NULL) == 0;
    umask(0);
    return done ? lode_task_return_i64(task, 0, getpid()) : LODE_ESYS;
}

/* "DIR UMASK ALTERED PATH HOME LOCALE USR1 USR2-BLOCKED TIMER" */
static lode_err
tell(lode_task *task)
{
    char dir[512], text[2048];
    const char *home = getenv("HOME");
    struct sigaction usr1;
    struct itimerval timer;
    sigset_t set;
    mode_t mask = umask(0);
    umask(mask);
    sigaction(SIGUSR1, NULL, &usr1);
    sigprocmask(SIG_BLOCK, NULL, &set);
    getitimer(ITIMER_REAL, &timer);
    int size = snprintf(text, sizeof text, "%s %03o %d %d %c %s %s %d %d", getcwd(dir, sizeof dir),
                        (unsigned)mask, getenv("LODE_TEST_ALTERED") != NULL, getenv("PATH") != NULL,
                        home != NULL && home[0] != '\0' ? home[0] : '/', setlocale(LC_ALL, NULL),
                        usr1.sa_handler == SIG_IGN ? "ignored" : "default",
                        sigismember(&set, SIGUSR2), timer.it_value.tv_sec > 0);
    LODE_TRY(lode_task_return_i64(task, 0, getpid()));
    return lode_task_return_bytes(task, 1, text, (size_t)size);
}

static bool
set_timer(void)
{
    static const struct itimerspec later = {.it_value = {.tv_sec = 3600}};
    struct sigevent event = {.sigev_notify = SIGEV_NONE};
    timer_t timer;
    return timer_create(CLOCK_MONOTONIC, &event, &timer) == 0 &&
           timer_settime(timer, 0, &later, NULL) == 0;
}

static bool
limit_cpu(void)
{
    struct rlimit limit;
    bool known = getrlimit(RLIMIT_CPU, &limit) == 0;
    limit.rlim_cur = 3600;
    return known && setrlimit(RLIMIT_CPU, &limit) == 0;
}

/* Opened again, it has not printed bytes yet. */
static bool
widen(void)
{
    return freopen("/dev/null", "w", stdout) != NULL && fwide(stdout, 1) > 0;
}

static bool
lend_buffer(void)
{
    char buffer[64];
    return setvbuf(stdout, buffer, _IOFBF, sizeof buffer) == 0;
}

static bool
forget_signal_stack(void)
{
    const stack_t none = {.ss_flags = SS_DISABLE};
    return sigaltstack(&none, NULL) == 0;
}

/* The zone is kept by the C library, which looks at the variable once. */
static bool
move_zone(void)
{
    struct tm then;
    time_t zero = 0;
    return setenv("TZ", "XYZ-5", 1) == 0 && (tzset(), localtime_r(&zero, &then) != NULL) &&
           then.tm_hour == 5;
}

static bool
lock_memory(void)
{
    static char page[4096];
    return mlock(page, sizeof page) == 0;
}

static bool
read_words(void)
{
    int fd = open("/proc/self/status", O_RDONLY | O_CLOEXEC);
    bool done = fd >= 0 && dup2(fd, STDIN_FILENO) == STDIN_FILENO;
    close(fd);
    return done;
}

static bool
owe_signal(void)
{
    sigset_t set;
    sigemptyset(&set);
    sigaddset(&set, SIGUSR1);
    return sigprocmask(SIG_BLOCK, &set, NULL) == 0 && raise(SIGUSR1) == 0;
}

/* One thing, which has a name. */
static lode_err
spoil(lode_task *task)
{
    const char *what;
    LODE_TRY(lode_task_str(task, 0, &what));
    bool done = strcmp(what, "stdout") == 0     ? fclose(stdout) == 0
                : strcmp(what, "stderr") == 0   ? fclose(stderr) == 0
                : strcmp(what, "wide") == 0     ? widen()
                : strcmp(what, "buffer") == 0   ? lend_buffer()
                : strcmp(what, "limit") == 0    ? limit_cpu()
                : strcmp(what, "priority") == 0 ? (errno = 0, nice(1) != -1 || errno == 0)
                : strcmp(what, "timer") == 0    ? set_timer()
                : strcmp(what, "rounding") == 0 ? fesetround(FE_UPWARD) == 0
                : strcmp(what, "stack") == 0    ? forget_signal_stack()
                : strcmp(what, "name") == 0     ? prctl(PR_SET_NAME, "spoiled", 0, 0, 0) == 0
                : strcmp(what, "zone") == 0     ? move_zone()
                : strcmp(what, "lock") == 0     ? lock_memory()
                : strcmp(what, "file") == 0     ? open("/dev/null", O_RDONLY) >= 0
                : strcmp(what, "input") == 0    ? read_words()
                : strcmp(what, "owed") == 0     ? owe_signal()
                : strcmp(what, "slack") == 0    ? prctl(PR_SET_TIMERSLACK, 12345, 0, 0, 0) == 0
                                                : false;
    return done ? lode_task_return_i64(task, 0, getpid()) : LODE_ESYS;
}

static bool
has_timer(void)
{
    char byte;
    int fd = open("/proc/self/timers", O_RDONLY | O_CLOEXEC);
    bool has = fd >= 0 && read(fd, &byte, 1) == 1;
    close(fd);
    return has;
}

static long
read_number(const char *path, const char *before)
{
    static char text[8192];
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    ssize_t size = read(fd, text, sizeof text - 1);
    close(fd);
    text[size > 0 ? size : 0] = '\0';
    const char *at = strstr(text, before);
    return at != NULL ? strtol(at + strlen(before), NULL, 10) : -1;
}

/* How what the system keeps is now. */
static void
taste_system(char *text_out, size_t room)
{
    char byte;
    struct tm then;
    time_t zero = 0;
    sigset_t pending;
    int next = open("/dev/null", O_RDONLY | O_CLOEXEC);
    close(next);
    sigpending(&pending);
    localtime_r(&zero, &then);
    snprintf(text_out, room, "%d:00, %ld kB, file %d, %zd bytes, %d, %d ns", then.tm_hour,
             read_number("/proc/self/status", "VmLck:"), next, read(STDIN_FILENO, &byte, 1),
             sigismember(&pending, SIGUSR1), prctl(PR_GET_TIMERSLACK, 0, 0, 0, 0));
}

/* How what spoil() changes is now. */
static lode_err
taste(lode_task *task)
{
    char text[512], name[16] = "", system[256];
    struct rlimit limit = {0};
    stack_t stack = {0};
    bool prints = printf("said\n") > 0, complains = fprintf(stderr, "said\n") > 0;
    getrlimit(RLIMIT_CPU, &limit);
    sigaltstack(NULL, &stack);
    prctl(PR_GET_NAME, name, 0, 0, 0);
    taste_system(system, sizeof system);
    int size = snprintf(text, sizeof text, "%d %d %d %d %d %d %d %s %d; %s", prints, complains,
                        limit.rlim_cur == 3600, getpriority(PRIO_PROCESS, 0), has_timer(),
                        fegetround() == FE_TONEAREST, (stack.ss_flags & SS_DISABLE) == 0, name,
                        stdout->_IO_buf_end - stdout->_IO_buf_base == 64, system);
    LODE_TRY(lode_task_return_i64(task, 0, getpid()));
    return lode_task_return_bytes(task, 1, text, (size_t)size);
}

static const lode_function functions[] = {
    {"all", "() -> i64", all, 1},
    {"tell", "() -> i64, bytes", tell, 2},
    {"spoil", "(what: str) -> i64", spoil, 1},
    {"taste", "() -> i64, bytes", taste, 2},
    {0},
};
LODE_LIBRARY("alter", functions, NULL);
