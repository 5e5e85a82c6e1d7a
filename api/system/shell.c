#include "api/system/shell.h"

#include "api/base/fail.h"
#include "api/base/log.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <sys/resource.h>
#include <sys/signalfd.h>
#include <sys/stat.h>
#include <unistd.h>

static void
block_signals(void)
{
    static const int of_faults[] = {SIGSEGV, SIGBUS, SIGFPE, SIGILL, SIGABRT};
    sigset_t set;
    sigfillset(&set);
    for (size_t i = 0; i < sizeof of_faults / sizeof of_faults[0]; i++) {
        sigdelset(&set, of_faults[i]);
    }
    pthread_sigmask(SIG_SETMASK, &set, NULL);
    signal(SIGPIPE, SIG_IGN);
    signal(SIGXFSZ, SIG_IGN);
}

void
lode_shell_enter(int oom_score_adj)
{
    struct rlimit files;
    char score[16];
    umask(0077);
    block_signals();
    if (getrlimit(RLIMIT_NOFILE, &files) == 0 && files.rlim_cur < files.rlim_max) {
        files.rlim_cur = files.rlim_max;
        (void)!setrlimit(RLIMIT_NOFILE, &files);
    }
    int fd = open("/proc/self/oom_score_adj", O_WRONLY | O_CLOEXEC);
    if (fd >= 0) {
        int length = snprintf(score, sizeof score, "%d", oom_score_adj);
        (void)!write(fd, score, (size_t)length);
        close(fd);
    }
}

lode_err
lode_shell_signals(int *fd_out)
{
    sigset_t ending;
    sigemptyset(&ending);
    sigaddset(&ending, SIGTERM);
    sigaddset(&ending, SIGINT);
    sigaddset(&ending, SIGHUP);
    int fd = signalfd(-1, &ending, SFD_CLOEXEC | SFD_NONBLOCK);
    if (fd < 0) {
        return lode_fail_errno("cannot make a signal descriptor");
    }
    *fd_out = fd;
    return LODE_OK;
}

bool
lode_shell_is_told(int signals_fd)
{
    struct signalfd_siginfo info;
    return read(signals_fd, &info, sizeof info) == (ssize_t)sizeof info;
}

lode_err
lode_shell_take_lifeline(int fd)
{
    if (fcntl(fd, F_SETFD, FD_CLOEXEC) != 0 || fcntl(fd, F_SETFL, O_NONBLOCK) != 0) {
        return lode_fail_errno("the lifeline's descriptor %d cannot be used", fd);
    }
    return LODE_OK;
}

bool
lode_shell_lifeline_ended(int fd)
{
    char byte;
    ssize_t got = read(fd, &byte, sizeof byte);
    return got == 0 || (got < 0 && errno != EAGAIN && errno != EINTR);
}

void
lode_shell_say_ready(int fd)
{
    if (fd < 0) {
        return;
    }
    if (write(fd, "+", 1) != 1) {
        lode_log("READY", "nobody waits for the word that clients are served");
    }
    close(fd);
}
