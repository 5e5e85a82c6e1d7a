#include "tools/lode/owner.h"

#include "api/base/fail.h"
#include "api/base/files.h"
#include "api/base/paths.h"
#include "tools/lode/processes.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

enum { ANCESTORS_MAX = 256 };

lode_err
owner_write(const char *dir, pid_t pid)
{
    char path[LODE_PATH_MAX], line[48];
    struct process process;
    LODE_TRY(lode_path_join(path, sizeof path, dir, LODE_FILE_OWNER));
    if (!process_read(pid, &process)) {
        return lode_fail_with(LODE_EDOWN, "the program (pid %d) has ended", (int)pid);
    }
    int length = snprintf(line, sizeof line, "%d %llu\n", (int)pid, process.start);
    int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC | O_NOFOLLOW, 0600);
    if (fd < 0 || write(fd, line, (size_t)length) != length) {
        lode_err err = lode_fail_errno("cannot write '%s'", path);
        if (fd >= 0) {
            close(fd);
        }
        return err;
    }
    close(fd);
    return LODE_OK;
}

lode_err
owner_read(const char *dir, struct owner *owner_out)
{
    char path[LODE_PATH_MAX], line[48];
    struct owner owner;
    int pid, end = 0;
    LODE_TRY(lode_path_join(path, sizeof path, dir, LODE_FILE_OWNER));
    int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK);
    if (fd < 0) {
        return errno == ENOENT ? lode_fail_with(LODE_ENOTFOUND, "there is no '%s'", path)
                               : lode_fail_errno("cannot read '%s'", path);
    }
    ssize_t got = read(fd, line, sizeof line - 1);
    close(fd);
    line[got > 0 ? got : 0] = '\0';
    if (sscanf(line, "%d %llu%n", &pid, &owner.start, &end) != 2 || strcmp(line + end, "\n") != 0 ||
        pid <= 0) {
        return lode_fail_with(LODE_ECORRUPT, "'%s' is not the line 'PID START'", path);
    }
    owner.pid = pid;
    *owner_out = owner;
    return LODE_OK;
}

bool
owner_lives(const struct owner *owner)
{
    struct process process;
    return process_read(owner->pid, &process) && process.start == owner->start &&
           process.state != 'Z';
}

bool
owner_is_ancestor(const struct owner *owner)
{
    struct process process;
    pid_t pid = getpid();
    for (int i = 0; i < ANCESTORS_MAX && pid > 0 && process_read(pid, &process); i++) {
        if (pid == owner->pid) {
            return process.start == owner->start;
        }
        pid = process.parent;
    }
    return false;
}
