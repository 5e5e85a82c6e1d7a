#include "tests/support/child.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#ifdef __SANITIZE_ADDRESS__
/*
 * The leak check at a process's end takes locks of the sanitizer's allocator. In a child of a
 * process with several threads they may be held for ever: by a thread that was allocating at the
 * fork, and that the child does not have. Such a child ends unchecked.
 */
static bool has_threads, is_child;
__attribute__((visibility("default"))) int __lsan_is_turned_off(void);

int
__lsan_is_turned_off(void)
{
    return is_child && has_threads;
}

static void
note_threads(void)
{
    struct stat st;
    has_threads = stat("/proc/self/task", &st) == 0 && st.st_nlink > 3; /* ".", "..", and one */
}
static void
note_child(void)
{
    is_child = true;
}
#else
static void
note_threads(void)
{
}

static void
note_child(void)
{
}
#endif

void
child_start(struct child *child_out, child_fn run, void *arg)
{
    int down[2];
    int up[2];
    if (pipe2(down, O_CLOEXEC) != 0 || pipe2(up, O_CLOEXEC) != 0) {
        give_up("pipe: %s", strerror(errno));
    }
    fflush(NULL);
    note_threads();
    pid_t parent_pid = getpid();
    pid_t pid = fork();
    if (pid < 0) {
        give_up("fork: %s", strerror(errno));
    }
    if (pid == 0) {
        struct child parent = {.to = up[1], .from = down[0]};
        note_child();
        close(down[1]);
        close(up[0]);
        prctl(PR_SET_PDEATHSIG, SIGKILL);
        if (getppid() != parent_pid) {
            _exit(1);
        }
        run(&parent, arg);
        exit(0);
    }
    close(down[0]);
    close(up[1]);
    *child_out = (struct child){.pid = pid, .to = down[1], .from = up[0]};
}

void
child_say(struct child *other, const void *data, size_t size)
{
    const char *at = data;
    while (size > 0) {
        ssize_t n = write(other->to, at, size);
        if (n < 0 && errno != EINTR) {
            give_up("cannot speak to process %d: %s", (int)other->pid, strerror(errno));
        }
        if (n > 0) {
            at += n;
            size -= (size_t)n;
        }
    }
}

void
child_hear(struct child *other, void *data_out, size_t size)
{
    char *at = data_out;
    while (size > 0) {
        ssize_t n = read(other->from, at, size);
        if (n == 0) {
            give_up("process %d ended without an answer", (int)other->pid);
        }
        if (n < 0 && errno != EINTR) {
            give_up("cannot hear process %d: %s", (int)other->pid, strerror(errno));
        }
        if (n > 0) {
            at += n;
            size -= (size_t)n;
        }
    }
}

void
child_signal(struct child *other)
{
    child_say(other, "!", 1);
}

void
child_await(struct child *other)
{
    char byte;
    child_hear(other, &byte, 1);
}

static int
reap(struct child *child)
{
    int status;
    pid_t pid;
    do {
        pid = waitpid(child->pid, &status, 0);
    } while (pid < 0 && errno == EINTR);
    if (pid != child->pid) {
        give_up("waitpid %d: %s", (int)child->pid, strerror(errno));
    }
    return status;
}

static void
hang_up_now(struct child *child)
{
    if (child->to >= 0) {
        close(child->to);
        close(child->from);
        child->to = child->from = -1;
    }
}

void
child_kill(struct child *child)
{
    kill(child->pid, SIGKILL);
    reap(child);
    hang_up_now(child);
}

int
child_join(struct child *child, bool hang_up)
{
    if (hang_up) {
        hang_up_now(child);
    }
    int status = reap(child);
    hang_up_now(child);
    return status;
}

void
child_must_end(struct child *child)
{
    pid_t pid = child->pid;
    int status = child_join(child, false);
    if (!WIFEXITED(status) || WEXITSTATUS(status) != 0) {
        give_up("process %d ended with %s %d", (int)pid, WIFEXITED(status) ? "status" : "signal",
                WIFEXITED(status) ? WEXITSTATUS(status) : WTERMSIG(status));
    }
}

struct doomed {
    child_fn run;
    void *arg;
    int signal;
};

static void
run_doomed(struct child *parent, void *arg)
{
    struct doomed *doomed = arg;
    struct rlimit none = {0, 0};
    setrlimit(RLIMIT_CORE, &none);
    signal(doomed->signal, SIG_DFL); /* not a sanitizer's */
    doomed->run(parent, doomed->arg);
}

bool
dies_of(int signal, child_fn run, void *arg)
{
    struct doomed doomed = {run, arg, signal};
    struct child child;
    child_start(&child, run_doomed, &doomed);
    int status = child_join(&child, false);
    return WIFSIGNALED(status) && WTERMSIG(status) == signal;
}
