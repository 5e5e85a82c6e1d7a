#include "tests/support/namespaces.h"

#include "tests/support/check.h"

#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <stdio.h>
#include <string.h>
#include <sys/mount.h>
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

/* Root may; another user needs a user namespace around it, in which it keeps its number. */
void
namespaces_leave(void)
{
    unsigned uid = geteuid(), gid = getegid();
    if (unshare(CLONE_NEWPID | CLONE_NEWNS) == 0) {
        return;
    }
    if (unshare(CLONE_NEWUSER | CLONE_NEWPID | CLONE_NEWNS) != 0) {
        skip("no pid namespace can be had here: %s", strerror(errno));
    }
    int fd = open("/proc/self/setgroups", O_WRONLY | O_CLOEXEC);
    expect(fd >= 0);
    expect_eq(write(fd, "deny", 4), 4);
    close(fd);
    write_map("/proc/self/uid_map", uid);
    write_map("/proc/self/gid_map", gid);
}

void
namespaces_settle(void)
{
    expect_eq(getpid(), 1);
    expect_eq(mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL), 0);
    expect_eq(mount("proc", "/proc", "proc", 0, NULL), 0);
}
