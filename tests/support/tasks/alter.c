/* Tasks that change their process, and tell how it is. */
#include <lode/lode.h>

#include <locale.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/time.h>
#include <unistd.h>

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

static const lode_function functions[] = {
    {"all", "() -> i64", all, 1},
    {"tell", "() -> i64, bytes", tell, 2},
    {0},
};
LODE_LIBRARY("alter", functions, NULL);
