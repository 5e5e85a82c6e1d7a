#include "worker/process/surroundings.h"

#include "api/base/fail.h"
#include "api/system/descriptor.h"

#include <fcntl.h>
#include <fenv.h>
#include <locale.h>
#include <pthread.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/time.h>
#include <time.h>
#include <unistd.h>

/* A variable as it was. `live` is in the environment, where tasks may write into it. */
struct variable {
    char *live;
    char *pristine; /* NULL: what it says changes, but it stays (origin.h) */
};

static struct {
    bool known;
    int dir_fd;
    mode_t mask;
    struct variable *variable; /* `count` */
    size_t count;
    char *locale;
    struct sigaction action[NSIG];
    bool has_action[NSIG];
    sigset_t blocked;
    stack_t signal_stack;
    fenv_t arithmetic;
    char name[16]; /* as PR_GET_NAME gives it */
} was;

/* ---- the environment ------------------------------------------------------------------------ */

static lode_err
remember_environment(void)
{
    static const char OURS[] = "LODE_WORKER=";
    while (environ != NULL && environ[was.count] != NULL) {
        was.count++;
    }
    was.variable = calloc(was.count + 1, sizeof *was.variable);
    bool complete = was.variable != NULL;
    for (size_t i = 0; i < was.count && complete; i++) {
        struct variable *variable = &was.variable[i];
        if (strncmp(environ[i], OURS, sizeof OURS - 1) == 0) {
            variable->live = environ[i];
            continue;
        }
        variable->live = strdup(environ[i]);
        variable->pristine = strdup(environ[i]);
        complete = variable->live != NULL && variable->pristine != NULL;
    }
    return complete ? LODE_OK : lode_fail_with(LODE_ENOMEM, "no room for the environment");
}

/* What a task has written into a variable itself is put back in place. */
static bool
is_as_it_was(void)
{
    size_t i = 0;
    bool same = true;
    for (; i < was.count; i++) {
        const struct variable *variable = &was.variable[i];
        if (variable->pristine != NULL && strcmp(variable->live, variable->pristine) != 0) {
            memcpy(variable->live, variable->pristine, strlen(variable->pristine) + 1);
        }
        same = same && environ != NULL && environ[i] == variable->live;
    }
    return same && (environ == NULL || environ[i] == NULL);
}

static void
restore_environment(void)
{
    if (!is_as_it_was()) {
        clearenv();
        for (size_t i = 0; i < was.count; i++) {
            (void)!putenv(was.variable[i].live); /* else there is no memory, and it is missing */
        }
    }
    tzset(); /* localtime_r() looks at TZ once, and keeps what it found */
}

/* ---- signals -------------------------------------------------------------------------------- */

static void
remember_signals(void)
{
    for (int i = 1; i < NSIG; i++) {
        was.has_action[i] = sigaction(i, NULL, &was.action[i]) == 0;
    }
    pthread_sigmask(SIG_SETMASK, NULL, &was.blocked);
    sigaltstack(NULL, &was.signal_stack);
}

static bool
is_same_action(const struct sigaction *a, const struct sigaction *b)
{
    return a->sa_sigaction == b->sa_sigaction && a->sa_flags == b->sa_flags &&
           memcmp(&a->sa_mask, &b->sa_mask, sizeof a->sa_mask) == 0;
}

/* Timers first, so that none of them meets a signal that ends the process again. */
static void
restore_signals(void)
{
    static const struct itimerval none;
    setitimer(ITIMER_REAL, &none, NULL);
    setitimer(ITIMER_VIRTUAL, &none, NULL);
    setitimer(ITIMER_PROF, &none, NULL);
    for (int i = 1; i < NSIG; i++) {
        struct sigaction now;
        if (was.has_action[i] && sigaction(i, NULL, &now) == 0 &&
            !is_same_action(&now, &was.action[i])) {
            sigaction(i, &was.action[i], NULL);
        }
    }
    pthread_sigmask(SIG_SETMASK, &was.blocked, NULL);
    sigaltstack(&was.signal_stack, NULL);
}

/* ---- streams -------------------------------------------------------------------------------- */

/* As the worker begins with: what a task gave as a buffer may be gone. Nothing waits in them. */
static void
restore_streams(void)
{
    static char buffer[BUFSIZ];
    clearerr(stdin);
    clearerr(stdout);
    clearerr(stderr);
    setvbuf(stdout, buffer, _IOLBF, sizeof buffer);
    setvbuf(stderr, NULL, _IONBF, 0);
}

/* ---- all of it ------------------------------------------------------------------------------ */

static void
restore_locale(void)
{
    uselocale(LC_GLOBAL_LOCALE);
    const char *now = setlocale(LC_ALL, NULL);
    if (was.locale != NULL && (now == NULL || strcmp(now, was.locale) != 0)) {
        setlocale(LC_ALL, was.locale);
    }
}

/* By way of a descriptor: the directory may have another name by now, or none. */
static void
go_to(int64_t pid)
{
    char path[64];
    int fd = -1;
    if (pid > 0) {
        snprintf(path, sizeof path, "/proc/%lld/cwd", (long long)pid);
        fd = open(path, O_PATH | O_DIRECTORY | O_CLOEXEC);
    }
    if ((fd < 0 || fchdir(fd) != 0) && was.dir_fd >= 0) {
        (void)!fchdir(was.dir_fd);
    }
    if (fd >= 0) {
        close(fd);
    }
}

lode_err
surroundings_remember(void)
{
    const char *locale = setlocale(LC_ALL, NULL);
    was.dir_fd = lode_descriptor_hang_high(open(".", O_PATH | O_DIRECTORY | O_CLOEXEC));
    was.mask = umask(0);
    umask(was.mask);
    was.locale = locale != NULL ? strdup(locale) : NULL;
    remember_signals();
    fegetenv(&was.arithmetic);
    prctl(PR_GET_NAME, was.name, 0, 0, 0);
    LODE_TRY(remember_environment());
    was.known = true;
    restore_environment(); /* from now on it is made of our copies */
    return LODE_OK;
}

void
surroundings_enter(int64_t pid)
{
    if (!was.known) {
        return;
    }
    restore_signals();
    restore_streams();
    fesetenv(&was.arithmetic);
    prctl(PR_SET_NAME, was.name, 0, 0, 0);
    umask(was.mask);
    munlockall(); /* what others map would be locked as well, up to the limit */
    restore_environment();
    restore_locale();
    go_to(pid);
}
