#include "tests/support/namespaces.h"

#include "tests/support/check.h"

#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <stdio.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/wait.h>
#include <unistd.h>

static void
write_map(const char *path, unsigned id)
{
    char line[64];
    int length = snprintf(line, sizeof line, "%u %u 1\n", id, id);
    int fd = open(path, O_WRONLY | O_CLOEXEC);
    expect(fd >= 0);
    expect_eq(write(fd, line, (size_t)length), length);
    close(fd);
}

/*
 * Root may; another user needs a user namespace around it, in which it keeps its number. Returns 0
 * or an errno.
 */
static int
leave(void)
{
    unsigned uid = geteuid(), gid = getegid();
    if (unshare(CLONE_NEWPID | CLONE_NEWNS) == 0) {
        return 0;
    }
    if (unshare(CLONE_NEWUSER | CLONE_NEWPID | CLONE_NEWNS) != 0) {
        return errno;
    }
    int fd = open("/proc/self/setgroups", O_WRONLY | O_CLOEXEC);
    expect(fd >= 0);
    expect_eq(write(fd, "deny", 4), 4);
    close(fd);
    write_map("/proc/self/uid_map", uid);
    write_map("/proc/self/gid_map", gid);
    return 0;
}

static int
settle(void)
{
    bool done = mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL) == 0 &&
                mount("proc", "/proc", "proc", 0, NULL) == 0;
    return done ? 0 : errno;
}

/* The exit status of a child; errnos fit. */
static int
status_of(pid_t pid)
{
    int status;
    expect(pid > 0);
    expect_eq(waitpid(pid, &status, 0), pid);
    expect(WIFEXITED(status));
    return WEXITSTATUS(status);
}

static int
try_all(void)
{
    int code = leave();
    if (code != 0) {
        return code;
    }
    pid_t pid = fork();
    if (pid == 0) {
        _exit(settle());
    }
    return pid > 0 ? status_of(pid) : errno;
}

void
namespaces_need(void)
{
    pid_t pid = fork();
    if (pid == 0) {
        _exit(try_all());
    }
    int code = status_of(pid);
    if (code != 0) {
        skip("no pid namespace with a /proc of its own can be had here: %s", strerror(code));
    }
}

void
namespaces_leave(void)
{
    expect_eq(leave(), 0);
}

void
namespaces_settle(void)
{
    expect_eq(getpid(), 1);
    expect_eq(settle(), 0);
}
